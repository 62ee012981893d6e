{{/*
What is called for whom, in CEL. The webhook configurations and the backstop share it. A JSON string
or list is a literal of CEL too, so toJson writes every value. What may be missing is read with .?
and [?], which give none instead of an error: an error would refuse the Pod.
*/}}

{{/* A list of strings, with room to read. */}}
{{- define "userscope.cel.list" -}}
{{- $texts := list -}}
{{- range . -}}
{{- $texts = append $texts (toJson .) -}}
{{- end -}}
[{{ join ", " $texts }}]
{{- end }}

{{/* Whether labels match the selector of a policy. Call it with both: .labels, .policy. */}}
{{- define "userscope.cel.selected" -}}
{{- $labels := .labels -}}
{{- $terms := list -}}
{{- range $key, $value := .policy.selector -}}
{{- $terms = append $terms (printf "%s[?%s] == optional.of(%s)" $labels (toJson $key) (toJson $value)) -}}
{{- end -}}
({{ join " && " $terms }})
{{- end }}

{{/* Whether a provisioner asks. Call it with a policy. */}}
{{- define "userscope.cel.provisioner" -}}
request.userInfo.?username.orValue("") in {{ include "userscope.cel.list" .provisioners }}
{{- end }}

{{/* Whether the policy governs the Pod that is to be stored: design section 3. Call it with a policy. */}}
{{- define "userscope.cel.governed" -}}
{{ include "userscope.cel.selected" (dict "labels" "object.metadata.?labels" "policy" .) }}
|| {{ include "userscope.cel.provisioner" . }}
|| object.spec.?volumes.orValue([]).exists(v,
  v.?persistentVolumeClaim.?claimName == optional.of({{ toJson .claim }})
  || v.?ephemeral.?volumeClaimTemplate.?spec.?dataSource.hasValue()
  || v.?ephemeral.?volumeClaimTemplate.?spec.?dataSourceRef.hasValue())
&& !(request.userInfo.?username.orValue("") in {{ include "userscope.cel.list" .exemptUsers }}
  || request.userInfo.?groups.orValue([]).exists(g, g in {{ include "userscope.cel.list" .exemptGroups }}))
{{- end }}

{{/* Whether the stored Pod was judged, or is older and wears the labels. Call it with a policy. */}}
{{- define "userscope.cel.sandbox" -}}
oldObject.metadata.?annotations[?"userscope.dev/policies"].hasValue()
|| {{ include "userscope.cel.selected" (dict "labels" "oldObject.metadata.?labels" "policy" .) }}
{{- end }}

{{/*
A condition that some policy of the namespace fulfils. Call it with the policies and the name of the
template that gives the condition of one: .policies, .condition.
*/}}
{{- define "userscope.cel.any" -}}
{{- $condition := .condition -}}
{{- range $i, $entry := .policies }}
{{- $policy := include "userscope.policy" $entry | fromJson }}
{{- if $i }}
|| {{ end -}}
request.namespace in {{ include "userscope.cel.list" $policy.namespaces }} && (
{{ include $condition $policy | trim | indent 2 }}
)
{{- end }}
{{- end }}

{{/*
Whether an update is one to refuse: it changes what says whose sandbox a Pod is that was judged, or
makes a sandbox of another. Call it with a policy.
*/}}
{{- define "userscope.cel.relabelled" -}}
oldObject.metadata.?annotations[?"userscope.dev/policies"].hasValue()
? {{ include "userscope.cel.list" .fixedLabels }}.exists(k, object.metadata.?labels[?k] != oldObject.metadata.?labels[?k])
  || {{ include "userscope.cel.list" .fixedAnnotations }}.exists(k, object.metadata.?annotations[?k] != oldObject.metadata.?annotations[?k])
: object.metadata.?annotations[?"userscope.dev/policies"].hasValue()
  || {{ include "userscope.cel.selected" (dict "labels" "object.metadata.?labels" "policy" .) }} && !{{ include "userscope.cel.selected" (dict "labels" "oldObject.metadata.?labels" "policy" .) }}
{{- end }}

{{/* Whether a deletion is one to refuse: a provisioner deletes its sandboxes, with or without the
webhook, and nothing else. Call it with a policy. */}}
{{- define "userscope.cel.deleted" -}}
{{ include "userscope.cel.provisioner" . }}
&& !({{ include "userscope.cel.sandbox" . }})
{{- end }}

{{/* The Pods whose new ephemeral containers are judged. Call it with a policy. */}}
{{- define "userscope.cel.debugged" -}}
{{ include "userscope.cel.sandbox" . }}
|| {{ include "userscope.cel.governed" . }}
{{- end }}

{{/* The containers that an update adds. */}}
{{- define "userscope.cel.added" -}}
object.spec.?ephemeralContainers.orValue([]).filter(c,
  !oldObject.spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name))
{{- end }}

{{/* Whether a request debugs a Pod of some policy, which is the longest condition. Call it with entries of
.Values.policies. */}}
{{- define "userscope.cel.debugging" -}}
request.?subResource.orValue("") != "ephemeralcontainers" || (
  {{ include "userscope.cel.added" . | indent 2 | trim }}.size() > 0
  && (
{{- include "userscope.cel.any" (dict "policies" . "condition" "userscope.cel.debugged") | nindent 4 }}
  )
)
{{- end }}

{{/* When the creation of a Pod is judged. Call it with entries of .Values.policies. */}}
{{- define "userscope.matchConditions.create" -}}
- name: governed
  expression: |-
    {{- include "userscope.cel.any" (dict "policies" . "condition" "userscope.cel.governed") | nindent 4 }}
{{- end }}

{{/* When what happens to a stored Pod is judged. Call it with entries of .Values.policies. */}}
{{- define "userscope.matchConditions.stored" -}}
- name: an-update-changes-what-is-a-sandbox-and-whose
  expression: |-
    request.operation != "UPDATE" || request.?subResource.orValue("") != "" || (
    {{- include "userscope.cel.any" (dict "policies" . "condition" "userscope.cel.relabelled") | nindent 6 }}
    )
- name: a-sandbox-gets-an-ephemeral-container
  expression: |-
    {{- include "userscope.cel.debugging" . | nindent 4 }}
- name: a-provisioner-deletes-what-is-no-sandbox
  expression: |-
    request.operation != "DELETE" || (
    {{- include "userscope.cel.any" (dict "policies" . "condition" "userscope.cel.deleted") | nindent 6 }}
    )
{{- end }}

{{/*
The text of a value, an expression of CEL, in a refusal: quoted, and cut as the webhook cuts it.
*/}}
{{- define "userscope.cel.quote" -}}
strings.quote({{ . }}.substring(0, [{{ . }}.size(), 40].min()))
{{- end }}

{{/*
A list of texts for each container, as one list of texts. Call it with the list, an expression of c:
c.is is the container and c.at its path.
*/}}
{{- define "userscope.cel.ofContainers" -}}
variables.containers.map(c, (
{{ . | trim | indent 2 }}
).join("; ")).filter(text, text != "")
{{- end }}

{{/* A template of the layout as CEL: the placeholders are the stamped ids. Call it with a path. */}}
{{- define "userscope.cel.path" -}}
{{ . | toJson | replace "{user}" "\" + variables.user + \"" | replace "{thread}" "\" + variables.thread + \"" | trimPrefix "\"\" + " | trimSuffix " + \"\"" }}
{{- end }}

{{/* The layout's directories of one access, below its root. Call it with both: .policy, .access. */}}
{{- define "userscope.cel.directories" -}}
{{- $access := .access -}}
{{- $paths := list -}}
{{- range .policy.directories -}}
{{- if eq .access $access -}}
{{- $paths = append $paths (include "userscope.cel.path" .path) -}}
{{- end -}}
{{- end -}}
{{- if $paths -}}
[
  {{ join ",\n  " $paths }}
]
{{- else -}}
[]
{{- end -}}
{{- end }}

{{/*
The parts of the backstop that are lists of texts for one container, c. Call them with a policy.
*/}}

{{/* Mounts of the claim that are not exactly a directory of the stamped identity. */}}
{{- define "userscope.cel.claimMounts" -}}
c.is.?volumeMounts.orValue([]).filter(m, m.name in variables.claimVolumes && !(
  // Beside a subPath API servers take no subPathExpr.
  (m.?subPath.orValue("") in variables.writableSubPaths || m.?readOnly.orValue(false) && m.?subPath.orValue("") in variables.readableSubPaths)
  && (m.mountPath != {{ toJson .userDataMountPath }} || m.?subPath.orValue("") == {{ printf "%s%s" .root .userData | include "userscope.cel.path" }})
  // Another spelling of the path would not be known for user data.
  && m.mountPath.matches("^/$|^(/([^/.][^/]*|[.][^/.][^/]*|[.][.][^/]+))+$"))).map(m,
  "claim-mount: " + c.at + ".volumeMounts[" + m.mountPath + "].subPath: " + {{ include "userscope.cel.quote" `m.?subPath.orValue(m.?subPathExpr.orValue(""))` }}
  + ": is not, in its clean form, a directory of this sandbox with the policy's access: mount a directory of the policy's layout")
{{- end }}

{{/* Variables from files, which the kubelet reads from the root of a volume: KEP-3721. */}}
{{- define "userscope.cel.files" -}}
c.is.?env.orValue([]).filter(e, e.?valueFrom.?fileKeyRef.hasValue()
  && !variables.volumes.exists(v, v.name == e.valueFrom.fileKeyRef.volumeName && v.?emptyDir.hasValue())).map(e,
  "claim-mount: " + c.at + ".env[" + e.name + "].valueFrom.fileKeyRef.volumeName: is read from the volume's root: use an emptyDir")
{{- end }}

{{/* Mounts with fields that Kubernetes 1.37 does not have, and that could lead anywhere. */}}
{{- define "userscope.cel.unknownFields" -}}
{{- $known := list "name" "readOnly" "recursiveReadOnly" "mountPath" "subPath" "mountPropagation" "subPathExpr" "bindMountOptions" -}}
c.is.?volumeMounts.orValue([]).filter(m, dyn(m).exists(k, !(k in {{ include "userscope.cel.list" $known }}))).map(m,
  "unknown-field: " + c.at + ".volumeMounts[" + m.mountPath + "]: has a field that this version does not know: drop it, or upgrade Userscope")
{{- end }}

{{/* Secrets in the environment. */}}
{{- define "userscope.cel.secretVariables" -}}
{{- $listed := include "userscope.cel.list" .allow.secrets -}}
c.is.?env.orValue([]).filter(e, e.?valueFrom.?secretKeyRef.hasValue() && !(e.valueFrom.secretKeyRef.?name.orValue("") in {{ $listed }})).map(e,
  "secret: " + c.at + ".env[" + e.name + "].valueFrom.secretKeyRef.name: is no Secret for sandboxes: drop it, or have the policy list it")
+ c.is.?envFrom.orValue([]).filter(e, e.?secretRef.hasValue() && !(e.secretRef.?name.orValue("") in {{ $listed }})).map(e,
  "secret: " + c.at + ".envFrom.secretRef.name: is no Secret for sandboxes: drop it, or have the policy list it")
{{- end }}

{{/* Resources whose names have a domain: behind one stands a device plugin or a DeviceClass. */}}
{{- define "userscope.cel.extendedResources" -}}
["limits", "requests"].map(kind, c.is.?resources[?kind].orValue({}).filter(k, k.contains("/") && !(k in {{ include "userscope.cel.list" .allow.resourceClaims }})).map(k,
  "resource-claim: " + c.at + ".resources." + kind + "[" + k + "]: asks for a device that is not listed: drop it, or have the policy list it").join("; "))
.filter(text, text != "")
{{- end }}

{{/* SELinux options as the API server has them: without those that are empty. */}}
{{- define "userscope.cel.seLinuxOptions" -}}
{{- $set := dict -}}
{{- range $key, $value := . -}}
{{- if $value -}}
{{- $_ := set $set $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $set -}}
{{- end }}

{{/* The lists of the Pod Security baseline: k8s.io/pod-security-admission, Kubernetes 1.37. */}}
{{- define "userscope.baseline.sysctls" -}}
{{- list "kernel.shm_rmid_forced" "net.ipv4.ip_local_port_range" "net.ipv4.tcp_syncookies"
  "net.ipv4.ping_group_range" "net.ipv4.ip_unprivileged_port_start" "net.ipv4.ip_local_reserved_ports"
  "net.ipv4.tcp_keepalive_time" "net.ipv4.tcp_fin_timeout" "net.ipv4.tcp_keepalive_intvl"
  "net.ipv4.tcp_keepalive_probes" "net.ipv4.tcp_rmem" "net.ipv4.tcp_wmem"
  "net.ipv4.tcp_slow_start_after_idle" "net.ipv4.tcp_notsent_lowat" | toJson -}}
{{- end }}
{{- define "userscope.baseline.capabilities" -}}
{{- list "AUDIT_WRITE" "CHOWN" "DAC_OVERRIDE" "FOWNER" "FSETID" "KILL" "MKNOD" "NET_BIND_SERVICE"
  "SETFCAP" "SETGID" "SETPCAP" "SETUID" "SYS_CHROOT" | toJson -}}
{{- end }}
{{- define "userscope.baseline.seLinuxTypes" -}}
{{- list "" "container_t" "container_init_t" "container_kvm_t" "container_engine_t" | toJson -}}
{{- end }}
