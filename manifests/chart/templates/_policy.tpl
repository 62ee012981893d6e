{{/*
The policies as the CEL of webhooks.yaml, backstop.yaml and services.yaml needs them: the entries of
.Values.policies with the defaults filled in, and the chart's facts, which Go wrote, as .facts. Call it
with the root context, and read the result with fromJsonArray.
*/}}
{{- define "userscope.policies" -}}
{{- $facts := .Files.Get "files/facts.json" | fromJson -}}
{{- $all := list -}}
{{- range .Values.policies -}}
{{- $all = append $all (include "userscope.policy" (dict "entry" . "facts" $facts) | fromJson) -}}
{{- end -}}
{{- /* The other policies of each namespace, by name. */ -}}
{{- range $policy := $all -}}
{{- $beside := dict -}}
{{- range $other := $all -}}
{{- range $namespace := $policy.namespaces -}}
{{- if and (ne $other.name $policy.name) (has $namespace $other.namespaces) -}}
{{- $_ := set $beside $namespace (append (get $beside $namespace | default list) $other.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $policy "beside" $beside -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{/* One of them. Call it with an entry of .Values.policies and the facts: .entry, .facts. */}}
{{- define "userscope.policy" -}}
{{- $facts := .facts -}}
{{- $spec := .entry.spec -}}
{{- $exempt := $facts.defaults.exemptCreators -}}
{{- if hasKey $spec "exemptCreators" -}}
{{- $exempt = $spec.exemptCreators -}}
{{- end -}}
{{- $directories := concat (list (dict "path" $spec.layout.userData "access" "ReadWrite")) ($spec.layout.directories | default list) -}}
{{- $paths := list -}}
{{- range $directories -}}
{{- $paths = append $paths .path -}}
{{- end -}}
{{- $needsThread := contains "{thread}" (join "/" $paths) -}}
{{- $userKey := $spec.userKey | default $facts.defaults.userKey -}}
{{- $threadKey := $spec.threadKey | default $facts.defaults.threadKey -}}
{{- $sandboxIDKey := $spec.sandboxIDKey | default $facts.defaults.sandboxIDKey -}}
{{- $identityKeys := list $userKey -}}
{{- if $needsThread -}}
{{- $identityKeys = append $identityKeys $threadKey -}}
{{- end -}}
{{- $identityFrom := $spec.identityFrom | default $facts.defaults.identityFrom -}}
{{- $stamps := list $facts.stamps.user $facts.stamps.thread -}}
{{- $identityLabels := ternary (concat $stamps $identityKeys) $stamps (has $facts.sources.label $identityFrom) -}}
{{- $identityAnnotations := ternary (concat $stamps $identityKeys) $stamps (has $facts.sources.annotation $identityFrom) -}}
{{- $caseSensitive := $facts.defaults.caseSensitive -}}
{{- if hasKey $spec "caseSensitive" -}}
{{- $caseSensitive = $spec.caseSensitive -}}
{{- end -}}
{{- $selector := include "userscope.selector" (dict "selector" $spec.selector "name" .entry.name) | fromJsonArray -}}
{{- $safe := ternary $facts.ids.characters $facts.ids.lowerCaseCharacters $caseSensitive -}}
{{- $ownLabels := list $userKey $threadKey $sandboxIDKey $facts.stamps.user $facts.stamps.thread -}}
{{- range $selector -}}
{{- $ownLabels = append $ownLabels .key -}}
{{- end -}}
{{- range $facts.labels.controllers -}}
{{- $ownLabels = without $ownLabels . -}}
{{- end -}}
{{- dict
  "facts" $facts
  "name" .entry.name
  "namespaces" $spec.namespaces
  "claim" $spec.claim
  "selector" $selector
  "provisioners" ($spec.provisioners | default list)
  "exemptUsers" ($exempt.users | default list)
  "exemptGroups" ($exempt.groups | default list)
  "identityFrom" $identityFrom
  "identityOrder" (join "," $identityFrom | replace (printf "%s,%s" $facts.sources.annotation $facts.sources.label) (printf "%s,%s" $facts.sources.label $facts.sources.annotation))
  "defaultUser" ($spec.defaultUser | default "")
  "proof" ($spec.proof | default $facts.defaults.proof)
  "proofOf" ($spec.proofOf | default (list (ternary "{user}:{thread}" "{user}" $needsThread)))
  "userKey" $userKey
  "threadKey" $threadKey
  "sandboxIDKey" $sandboxIDKey
  "needsThread" $needsThread
  "fixedLabels" (append $identityLabels $sandboxIDKey)
  "ownLabels" $ownLabels
  "fixedAnnotations" (append $identityAnnotations $facts.marker)
  "idPattern" (printf "^[%s]([%s%s]*[%s])?$" $safe $safe (join "" $spec.idCharacters) $safe)
  "caseSensitive" $caseSensitive
  "userPattern" ($spec.userPattern | default "")
  "threadPattern" ($spec.threadPattern | default "")
  "userDataVolume" ($spec.userDataVolume | default $facts.defaults.userDataVolume)
  "userDataMountPath" ($spec.userDataMountPath | default $facts.defaults.userDataMountPath)
  "root" (ternary (printf "%s/" $spec.layout.root) "" (ne ($spec.layout.root | default "") ""))
  "userData" $spec.layout.userData
  "directories" $directories
  "hostPathBases" ($spec.hostPathBases | default list)
  "bounds" (merge (deepCopy ($spec.bounds | default dict)) $facts.defaults.bounds)
  "allow" ($spec.allow | default dict)
  | toJson -}}
{{- end }}

{{/* A selector as a JSON list of requirements, each with key and values, sorted by key; none of the values means
any. Call it with the selector of a spec, which is a label selector or a plain map of labels, and the policy's
name: .selector, .name. */}}
{{- define "userscope.selector" -}}
{{- $policy := .name -}}
{{- $labels := .selector -}}
{{- $expressions := list -}}
{{- if or (kindIs "map" .selector.matchLabels) (kindIs "slice" .selector.matchExpressions) -}}
{{- $labels = .selector.matchLabels | default dict -}}
{{- $expressions = .selector.matchExpressions | default list -}}
{{- end -}}
{{- $values := dict -}}
{{- range $key, $value := $labels -}}
{{- $_ := set $values $key (list $value) -}}
{{- end -}}
{{- range $expressions -}}
{{- if hasKey $values .key -}}
{{- fail (printf "policies: %s: spec.selector.matchExpressions: %q is there twice" $policy .key) -}}
{{- end -}}
{{- $_ := set $values .key (.values | default list | sortAlpha) -}}
{{- end -}}
{{- $all := list -}}
{{- range $key, $allowed := $values -}}
{{- $all = append $all (dict "key" $key "values" $allowed) -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{/* The namespaces of policies, each once, as a JSON list. Call it with the policies. */}}
{{- define "userscope.namespaces" -}}
{{- $all := list -}}
{{- range . -}}
{{- $all = concat $all .namespaces -}}
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
