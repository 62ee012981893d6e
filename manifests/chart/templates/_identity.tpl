{{/*
Refuses a policy that cannot find out whose sandbox a Pod is, as the webhook does. Call it with where the policy
stands and the policy: .at, .policy.
*/}}
{{- define "userscope.validate.identity" -}}
{{- $from := .policy.identityFrom -}}
{{- $sources := .policy.facts.sources -}}
{{- if and (eq .policy.proof .policy.facts.proofAdopted) (not (has $sources.mounts $from)) -}}
{{- fail (printf "%s.identityFrom: %s must have %s where proof is %s, which has only what is read from there proved: set proof to Always or Never" .at (toJson $from) $sources.mounts .policy.proof) -}}
{{- end -}}
{{- if and .policy.defaultUser (not (regexMatch (printf "^(%s,)?%s" $sources.label $sources.annotation) (join "," $from))) -}}
{{- fail (printf "%s.defaultUser: %q needs %s in identityFrom, before %s: a Pod that is judged twice is known by it" .at .policy.defaultUser $sources.annotation $sources.mounts) -}}
{{- end -}}
{{- end }}
