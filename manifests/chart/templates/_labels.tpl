{{/* Refuses labels by which controllers adopt a Pod, and every value of those by which Services select, which the
webhook does not take either. Call it with where the labels stand and a policy: .at, .policy. */}}
{{- define "userscope.validate.labels" -}}
{{- $labels := .policy.facts.labels -}}
{{- $all := .at -}}
{{- range $key, $values := .policy.allow.labels -}}
{{- $at := printf "%s[%s]" $all $key -}}
{{- if has $key $labels.controllers -}}
{{- fail (printf "%s: must not be listed: controllers give this label to their own Pods, and adopt who wears it" $at) -}}
{{- end -}}
{{- if has $labels.any $values -}}
{{- if or (hasPrefix $labels.identifyingPrefix $key) (has $key $labels.identifying) -}}
{{- fail (printf "%s: %q must not be listed for a label by which Services and controllers select Pods: list its values" $at $labels.any) -}}
{{- else if gt (len $values) 1 -}}
{{- fail (printf "%s: %q stands for every value: list it alone" $at $labels.any) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
