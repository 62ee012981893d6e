{{/*
Refuses a policy whose proofs could be those of two identities, or lack a part of one, as the webhook does. Call it
with where the policy stands, the policy and those before it that govern Pods of its namespaces: .at, .policy, .others.
*/}}
{{- define "userscope.validate.proof" -}}
{{- $at := .at -}}
{{- $policy := .policy -}}
{{- $facts := $policy.facts -}}
{{- $seen := list -}}
{{- range $i, $text := $policy.proofOf -}}
{{- if and $policy.needsThread (not (contains "{thread}" $text)) -}}
{{- fail (printf "%s.proofOf[%d]: %q must hold {thread} once, as the layout has threads" $at $i $text) -}}
{{- else if and (not $policy.needsThread) (contains "{thread}" $text) -}}
{{- fail (printf "%s.proofOf[%d]: %q must not hold {thread}: the layout has no threads" $at $i $text) -}}
{{- end -}}
{{- range $seen -}}
{{- if include "userscope.proof.couldBe" (dict "facts" $facts "a" . "b" $text) -}}
{{- fail (printf "%s.proofOf[%d]: %q could be the same text as %q, of another identity: begin them with words that differ" $at $i $text .) -}}
{{- end -}}
{{- end -}}
{{- $seen = append $seen $text -}}
{{- range $other := $.others -}}
{{- if ne $other.needsThread $policy.needsThread -}}
{{- range $other.proofOf -}}
{{- if include "userscope.proof.couldBe" (dict "facts" $facts "a" . "b" $text) -}}
{{- fail (printf "%s.proofOf[%d]: %q could be the same text as %q of policy %q, which governs Pods of the same namespace" $at $i $text . $other.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $other := .others -}}
{{- if and (eq $other.needsThread $policy.needsThread) (ne (sortAlpha $other.proofOf | toJson) (sortAlpha $policy.proofOf | toJson)) -}}
{{- fail (printf "%s.proofOf: %s must be as in policy %q, which governs Pods of the same namespace" $at (toJson $policy.proofOf) $other.name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Whether two texts of proofs could be one; empty if not. Call it with both and the facts: .a, .b, .facts. */}}
{{- define "userscope.proof.couldBe" -}}
{{- $a := splitList ":" .a -}}
{{- $b := splitList ":" .b -}}
{{- $safe := .facts.ids.characters -}}
{{- $id := printf "^[%s]([%s%s]*[%s])?$" $safe $safe .facts.ids.further $safe -}}
{{- $could := eq (len $a) (len $b) -}}
{{- if $could -}}
{{- range $i, $part := $a -}}
{{- $other := index $b $i -}}
{{- $placeholders := 0 -}}
{{- range list $part $other -}}
{{- if has . (list "{user}" "{thread}") -}}
{{- $placeholders = add1 $placeholders -}}
{{- end -}}
{{- end -}}
{{- $word := ternary $other $part (has $part (list "{user}" "{thread}")) -}}
{{- $isID := and (regexMatch $id $word) (not (contains ".." $word)) (ne $word $.facts.ids.lostAndFound) (le (len $word) (int $.facts.ids.userLength)) -}}
{{- if not (or (eq $part $other) (eq (int $placeholders) 2) (and (eq (int $placeholders) 1) $isID)) -}}
{{- $could = false -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- ternary "true" "" $could -}}
{{- end }}
