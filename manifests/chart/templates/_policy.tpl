{{/*
A policy as the CEL of webhooks.yaml, backstop.yaml and services.yaml needs it: an entry of
.Values.policies with webhook/policy/load's defaults filled in. Call it with the entry, and read the
result with fromJson.
*/}}
{{- define "userscope.policy" -}}
{{- $spec := .spec -}}
{{- $controllers := list -}}
{{- range list "replicaset" "replication" "statefulset" "daemon-set" "job" -}}
{{- $controllers = append $controllers (printf "system:serviceaccount:kube-system:%s-controller" .) -}}
{{- end -}}
{{- $exempt := dict "groups" (list "system:masters") "users" $controllers -}}
{{- if hasKey $spec "exemptCreators" -}}
{{- $exempt = $spec.exemptCreators -}}
{{- end -}}
{{- $directories := concat (list (dict "path" $spec.layout.userData "access" "ReadWrite")) ($spec.layout.directories | default list) -}}
{{- $paths := list -}}
{{- range $directories -}}
{{- $paths = append $paths .path -}}
{{- end -}}
{{- $needsThread := contains "{thread}" (join "/" $paths) -}}
{{- $userKey := $spec.userKey | default "user-id" -}}
{{- $threadKey := $spec.threadKey | default "thread-id" -}}
{{- $sandboxIDKey := $spec.sandboxIDKey | default "sandbox-id" -}}
{{- $identityKeys := list $userKey -}}
{{- if $needsThread -}}
{{- $identityKeys = append $identityKeys $threadKey -}}
{{- end -}}
{{- $allow := $spec.allow | default dict -}}
{{- dict
  "name" .name
  "namespaces" $spec.namespaces
  "claim" $spec.claim
  "selector" $spec.selector
  "provisioners" ($spec.provisioners | default list)
  "exemptUsers" ($exempt.users | default list)
  "exemptGroups" ($exempt.groups | default list)
  "userKey" $userKey
  "threadKey" $threadKey
  "sandboxIDKey" $sandboxIDKey
  "needsThread" $needsThread
  "fixedLabels" (concat (keys $spec.selector | sortAlpha) $identityKeys (list $sandboxIDKey))
  "fixedAnnotations" (append $identityKeys "userscope.dev/policies")
  "letters" (ternary "A-Za-z" "a-z" (get $spec "caseSensitive" | toString | ne "false"))
  "userPattern" ($spec.userPattern | default "")
  "threadPattern" ($spec.threadPattern | default "")
  "userDataVolume" ($spec.userDataVolume | default "user-data")
  "userDataMountPath" ($spec.userDataMountPath | default "/mnt/user-data")
  "root" (ternary (printf "%s/" $spec.layout.root) "" (ne ($spec.layout.root | default "") ""))
  "userData" $spec.layout.userData
  "directories" $directories
  "hostPathBases" ($spec.hostPathBases | default list)
  "allow" $allow
  | toJson -}}
{{- end }}

{{/* The namespaces of policies, each once, as a JSON list. Call it with .Values.policies. */}}
{{- define "userscope.namespaces" -}}
{{- $all := list -}}
{{- range . -}}
{{- $all = concat $all .spec.namespaces -}}
{{- end -}}
{{- $all | uniq | sortAlpha | toJson -}}
{{- end }}

{{/* Selects namespaces by a label that nobody can change. Call it with their JSON list. */}}
{{- define "userscope.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ . }}
{{- end }}
