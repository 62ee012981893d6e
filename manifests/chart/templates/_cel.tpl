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

{{/* Whether labels match the selector of a policy. Call it with both: .labels, .policy. No label has the value
".", which is not legal. */}}
{{- define "userscope.cel.selected" -}}
{{- $labels := .labels -}}
{{- $terms := list -}}
{{- range .policy.selector -}}
{{- $label := printf "%s[?%s]" $labels (toJson .key) -}}
{{- if eq (len .values) 1 -}}
{{- $terms = append $terms (printf "%s == optional.of(%s)" $label (first .values | toJson)) -}}
{{- else if .values -}}
{{- $terms = append $terms (printf "%s.orValue(\".\") in %s" $label (include "userscope.cel.list" .values)) -}}
{{- else -}}
{{- $terms = append $terms (printf "%s.hasValue()" $label) -}}
{{- end -}}
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
|| {{ include "userscope.cel.claimsToBeJudged" . }}
{{- end }}

{{/* Whether the Pod that is to be stored says of itself that the policy has judged it: the marker names it, or names
none of the namespace, or there is a stamp and no marker. Call it with a policy. */}}
{{- define "userscope.cel.claimsToBeJudged" -}}
{{- $marker := printf "object.metadata.?annotations[?%s]" (toJson .facts.marker) -}}
{{- $stamps := list .facts.stamps.user .facts.stamps.thread | toJson -}}
({{ $marker }}.hasValue() || {{ $stamps }}.exists(k,
  object.metadata.?labels[?k].hasValue() || object.metadata.?annotations[?k].hasValue()))
{{- with .beside }}
&& [{{ $marker }}.orValue("").split(",")].exists(names,
  {{ toJson $.name }} in names || !{{ toJson . }}[?request.namespace].orValue([]).exists(n, n in names))
{{- end }}
{{- end }}

{{/* Whether the stored Pod was judged, or is older and wears the labels. Call it with a policy. */}}
{{- define "userscope.cel.sandbox" -}}
oldObject.metadata.?annotations[?{{ toJson .facts.marker }}].hasValue()
|| {{ include "userscope.cel.selected" (dict "labels" "oldObject.metadata.?labels" "policy" .) }}
{{- end }}

{{/*
A condition that some policy of the namespace fulfils. Call it with the policies, the name of the template
that gives the condition of one and, where that needs them, the chart's files: .policies, .condition, .files.
*/}}
{{- define "userscope.cel.any" -}}
{{- $condition := .condition -}}
{{- $files := .files -}}
{{- range $i, $entry := .policies }}
{{- $policy := set $entry "files" $files }}
{{- if $i }}
|| {{ end -}}
request.namespace in {{ include "userscope.cel.list" $policy.namespaces }} && (
{{ include $condition $policy | trim | indent 2 }}
)
{{- end }}
{{- end }}

{{/*
Whether an update is one to refuse: it changes what says whose sandbox a Pod is that was judged, or makes a
sandbox of another. It is the backstop's own expression, without the comment: all policies share one condition,
whose length is limited. Call it with a policy, and the chart's files as .files.
*/}}
{{- define "userscope.cel.relabelled" -}}
{{- /* The webhook is asked about an identity that is given, too: it can tell whether that is proved. */ -}}
{{- $given := dict "name" "givenAway" "is" "false" -}}
{{- $holds := include "userscope.backstop.holds" (dict "files" .files "rules" (list "immutable-field")
  "data" (include "userscope.backstop.data" (dict "policy" . "policies" list) | fromJson)) -}}
{{- include "userscope.backstop.named" (dict "names" (list $given) "macro" "exists" "expression" $holds) | printf "!(\n%s\n)" }}
{{- end }}

{{/* Whether an update gives labels, or annotations that steer controllers, to a Pod: a provisioner's are judged. Call
it with a policy. */}}
{{- define "userscope.cel.given" -}}
object.metadata.?labels != oldObject.metadata.?labels
|| object.metadata.?annotations.orValue({}).exists(k, object.metadata.?annotations[?k] != oldObject.metadata.?annotations[?k]
  && {{ include "userscope.cel.list" .facts.controllersAnnotations }}.exists(prefix, k.startsWith(prefix)))
{{- end }}

{{/* Whether a deletion is one to refuse: a provisioner deletes its sandboxes, with or without the
webhook, and nothing else. Call it with a policy. */}}
{{- define "userscope.cel.deleted" -}}
{{ include "userscope.cel.provisioner" . }}
&& !({{ include "userscope.cel.sandbox" . }})
{{- end }}

{{/* The Pods whose new containers and volumes are judged. Call it with a policy. */}}
{{- define "userscope.cel.debugged" -}}
{{ include "userscope.cel.sandbox" . }}
|| {{ include "userscope.cel.governed" . }}
{{- end }}

{{/* The containers that an update adds. */}}
{{- define "userscope.cel.added" -}}
object.spec.?ephemeralContainers.orValue([]).filter(c,
  !oldObject.spec.?ephemeralContainers.orValue([]).exists(o, o.name == c.name))
{{- end }}

{{/*
Whether an update changes volumes, or a container's name, mounts, devices, environment or security context. No
released API server lets it; KEP-6395 prepares it. Lists that are alike are seen to be so at once: to look for
each container among the old ones costs the square of their number, and that may be more than a condition may cost.
*/}}
{{- define "userscope.cel.respecified" -}}
object.spec.?volumes != oldObject.spec.?volumes
|| ["initContainers", "containers"].exists(list, dyn(object.spec)[?list] != dyn(oldObject.spec)[?list] && (
  dyn(object.spec)[?list].orValue([]).size() != dyn(oldObject.spec)[?list].orValue([]).size()
  || !dyn(object.spec)[?list].orValue([]).all(c, dyn(oldObject.spec)[?list].orValue([]).exists(o, o.name == c.name
    && c.?volumeMounts == o.?volumeMounts && c.?volumeDevices == o.?volumeDevices
    && c.?env == o.?env && c.?envFrom == o.?envFrom && c.?securityContext == o.?securityContext))))
{{- end }}

{{/* Whether an update goes through a subresource by which nothing of that changes; labels and annotations do, by
status, for kubelets and whoever else may write it. Most updates are such: none of them waits for anybody. */}}
{{- define "userscope.cel.harmless" -}}
request.?subResource.orValue("") in ["status", "resize"]
{{- end }}

{{/* Whether an update is one to judge, which is the longest condition. Call it with policies and the chart's
files: .policies, .files. */}}
{{- define "userscope.cel.updated" -}}
request.operation != "UPDATE" || (
{{- include "userscope.cel.any" (dict "policies" .policies "condition" "userscope.cel.relabelled" "files" .files) | nindent 2 }}
) || (
  {{- include "userscope.cel.given" (first .policies) | nindent 2 }}
) && (
{{- include "userscope.cel.any" (dict "policies" .policies "condition" "userscope.cel.provisioner") | nindent 2 }}
) || (
  object.spec.?ephemeralContainers != oldObject.spec.?ephemeralContainers && {{ include "userscope.cel.added" . | indent 2 | trim }}.size() > 0
  || {{ include "userscope.cel.respecified" . | indent 2 | trim }}
) && (
{{- include "userscope.cel.any" (dict "policies" .policies "condition" "userscope.cel.debugged") | nindent 2 }}
)
{{- end }}

{{/* When the creation of a Pod is judged. Call it with policies. */}}
{{- define "userscope.matchConditions.create" -}}
- name: governed
  expression: |-
    {{- include "userscope.cel.any" (dict "policies" . "condition" "userscope.cel.governed") | nindent 4 }}
{{- end }}

{{/* When what happens to a stored Pod is judged. Call it with policies and the chart's
files: .policies, .files. */}}
{{- define "userscope.matchConditions.stored" -}}
- name: nothing-harmless-is-updated
  expression: |-
    !({{ include "userscope.cel.harmless" . }})
- name: an-update-changes-what-is-judged
  expression: |-
    {{- include "userscope.cel.updated" . | nindent 4 }}
- name: a-provisioner-deletes-what-is-no-sandbox
  expression: |-
    request.operation != "DELETE" || (
    {{- include "userscope.cel.any" (dict "policies" .policies "condition" "userscope.cel.deleted") | nindent 6 }}
    )
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

{{/* Tolerations with all their fields, as texts, so that a list of them has one type. */}}
{{- define "userscope.cel.tolerations" -}}
{{- $all := list -}}
{{- range . -}}
{{- $seconds := kindIs "invalid" .tolerationSeconds | ternary "" (int64 .tolerationSeconds | toString) -}}
{{- $all = append $all (dict "key" (.key | default "") "operator" (.operator | default "Equal") "value" (.value | default "")
  "effect" (.effect | default "") "tolerationSeconds" $seconds) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}
