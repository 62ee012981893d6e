{{/*
The rules of the backstop are files of plain CEL, files/backstop/RULE.cel, and these templates put them
into the expressions of a policy. The first half of a file is whether the rule holds: it is evaluated for
every sandbox, so it builds neither texts nor lists. The other half, below a line "--- message", is a list
of texts, each of which says where the rule is broken.

An API server evaluates every messageExpression, also of a validation that holds. So the rules stand in a
match condition, which selects the Pods that break one, and the validation refuses them all: only then
words are made. A condition that cannot be evaluated refuses, too, by failurePolicy: Fail.

Conditions see no variables. What the rules call by names are the variables of macros over lists of one.
*/}}

{{/* The policy's data, as names for the rules: constants, which an API server folds when it compiles an
expression. Each list is of one type, as CEL wants it. Call it with a policy and all of
them: .policy, .policies. */}}
{{- define "userscope.backstop.data" -}}
{{- $p := .policy -}}
{{- $texts := pick $p "name" "claim" "root" "userKey" "userDataVolume" "userDataMountPath" "idPattern" -}}
{{- $_ := set $texts "lostAndFound" $p.facts.ids.lostAndFound -}}
{{- $_ := set $texts "userStamp" $p.facts.stamps.user -}}
{{- $_ := set $texts "threadStamp" $p.facts.stamps.thread -}}
{{- $_ := set $texts "threadKey" (ternary $p.threadKey "" $p.needsThread) -}}
{{- range list "userPattern" "threadPattern" -}}
{{- $pattern := get $p . -}}
{{- $_ := set $texts . (ternary (printf "^(?:%s)$" $pattern) "" (ne $pattern "")) -}}
{{- end -}}
{{- $maps := dict "selector" $p.selector -}}
{{- if not (kindIs "invalid" $p.allow.seLinuxOptions) -}}
{{- $_ := set $maps "seLinuxOptions" (include "userscope.cel.seLinuxOptions" $p.allow.seLinuxOptions | fromJson) -}}
{{- end -}}
{{- $claims := dict -}}
{{- range $namespace := $p.namespaces -}}
{{- $all := list $p.claim -}}
{{- range $.policies -}}
{{- if has $namespace .namespaces -}}
{{- $all = append $all .claim -}}
{{- end -}}
{{- end -}}
{{- $_ := set $claims $namespace ($all | uniq) -}}
{{- end -}}
{{- list
  (dict "name" "policy" "is" (toJson $texts))
  (dict "name" "lists" "is" (include "userscope.backstop.lists" $p))
  (dict "name" "maps" "is" (toJson $maps))
  (dict "name" "claims" "is" (toJson $claims))
  (dict "name" "ownLabels" "is" (toJson $p.ownLabels))
  (dict "name" "allowedLabels" "is" ($p.allow.labels | default dict | toJson))
  (dict "name" "anyValue" "is" (toJson $p.facts.labels.any))
  (dict "name" "controllers" "is" (dict "labels" $p.facts.labels.controllers "annotations" $p.facts.controllersAnnotations | toJson))
  (dict "name" "tolerations" "is" (include "userscope.cel.tolerations" ($p.allow.tolerations | default list)))
  (dict "name" "most" "is" (dict "user" $p.facts.ids.userLength "thread" $p.facts.ids.threadLength
    "priority" ($p.allow.maxPriority | default 0 | int64) | toJson)) | toJson -}}
{{- end }}

{{/* The lists of texts among a policy's data. Call it with a policy. */}}
{{- define "userscope.backstop.lists" -}}
{{- $root := .root -}}
{{- $bases := .hostPathBases -}}
{{- $paths := dict "ReadWrite" list "ReadOnly" list -}}
{{- $hostPaths := .allow.hostPaths | default list -}}
{{- range $directory := .directories -}}
{{- $_ := set $paths .access (append (get $paths .access) (printf "%s%s" $root .path)) -}}
{{- if not (contains "{user}" .path) -}}
{{- range $bases -}}
{{- $hostPaths = append $hostPaths (printf "%s/%s" . $directory.path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $prefixes := list -}}
{{- range $bases -}}
{{- $prefixes = append $prefixes (printf "%s/" .) -}}
{{- end -}}
{{- $allow := .allow -}}
{{- $lists := dict -}}
{{- range .facts.allowLists -}}
{{- $_ := set $lists . (get $allow . | default list) -}}
{{- end -}}
{{- mustMergeOverwrite $lists (dict "provisioners" .provisioners "writable" $paths.ReadWrite "readable" $paths.ReadOnly
  "hostPathBases" $prefixes "sharedHostPaths" $hostPaths
  "fsGroups" (kindIs "invalid" $allow.fsGroup | ternary list (list (int64 $allow.fsGroup | toString)))
  "userLabels" (ternary (list .facts.stamps.user .userKey) (list .facts.stamps.user) (has .facts.sources.label .identityFrom))
  "threadLabels" (ternary (list .facts.stamps.thread .threadKey) (list .facts.stamps.thread) (has .facts.sources.label .identityFrom))
  "userAnnotations" (ternary (list .userKey) list (has .facts.sources.annotation .identityFrom))
  "threadAnnotations" (ternary (list .threadKey) list (has .facts.sources.annotation .identityFrom))
  "mountFields" .facts.mountFields
  "workloadKinds" .facts.workloadKinds
  "sysctls" .facts.baseline.sysctls
  "seLinuxTypes" .facts.baseline.seLinuxTypes
  "seccompProfiles" .facts.baseline.seccompProfiles
  "appArmorProfiles" .facts.baseline.appArmorProfiles
  "capabilities" (concat .facts.baseline.capabilities $lists.capabilities)
  "volumeTypes" (concat .facts.volumeTypes $lists.volumeTypes)
  "projections" (concat .facts.projections $lists.volumeTypes)) | toJson -}}
{{- end }}

{{/* The refusals that the webhook words alike, by rule and short name: host-path.type. Call it with the
facts. */}}
{{- define "userscope.backstop.messages" -}}
{{- $all := dict -}}
{{- range $rule, $messages := .messages -}}
{{- range $name, $message := $messages -}}
{{- $_ := set $all (printf "%s.%s" $rule $name) $message -}}
{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{/* What says whose sandbox a stored Pod is, as names for rules. Call it with a policy. */}}
{{- define "userscope.backstop.kept" -}}
{{- list
  (dict "name" "marker" "is" (toJson .facts.marker))
  (dict "name" "stamps" "is" (list .facts.stamps.user .facts.stamps.thread | toJson))
  (dict "name" "fixedLabels" "is" (toJson .fixedLabels))
  (dict "name" "fixedAnnotations" "is" (toJson .fixedAnnotations))
  (dict "name" "selector" "is" (toJson .selector)) | toJson -}}
{{- end }}

{{/* Two expressions about the bounds, which come before all rules: .within, whether a Pod keeps them, and
.words, which ones it does not. Call it with the chart's files and a policy: .files, .policy. */}}
{{- define "userscope.backstop.bounds" -}}
{{- $bounds := dict "name" "bounds" "is" (toJson .policy.bounds) -}}
{{- $messages := dict "name" "messages" "is" (include "userscope.backstop.messages" .policy.facts) -}}
{{- $parts := .files.Get "files/backstop/too-many.cel" | splitList "\n--- message\n" -}}
{{- dict
  "within" (include "userscope.backstop.named" (dict "names" (list $bounds) "macro" "exists" "expression" (first $parts | trim)))
  "words" (include "userscope.backstop.named" (dict "names" (list $bounds $messages) "macro" "map"
    "expression" (printf "\"userscope: too-many: \" + (\n%s\n).join(\"; too-many: \")" (last $parts | trim)))) | toJson -}}
{{- end }}

{{/* An expression with names for others. Call it with a list of names, each of which may use those before
it, the macro, which is exists for a bool and map for anything else, and the expression: .names, .macro,
.expression. */}}
{{- define "userscope.backstop.named" -}}
{{- $macro := .macro -}}
{{- range .names -}}
[{{ .is }}].{{ $macro }}({{ .name }},
{{ end -}}
{{ .expression }}
{{ repeat (len .names) (ternary ")[0]" ")" (eq .macro "map")) }}
{{- end }}

{{/* The first half of a rule's file. Call it with the chart's files and the rule: .files, .rule. */}}
{{- define "userscope.backstop.holds" -}}
{{ printf "files/backstop/%s.cel" .rule | .files.Get | splitList "\n--- message\n" | first | trim }}
{{- end }}

{{/*
Two expressions for some rules: .breaks, whether a Pod breaks any, and .words, which ones and where. Call
it with the chart's files, the policies and one of them, the rules, the name of the file with what they call
the parts of a Pod, and, where a rule is asked under a condition only, the name of that: .files, .policies,
.policy, .rules, .names, .only.
*/}}
{{- define "userscope.backstop.rules" -}}
{{- $files := .files -}}
{{- $names := include "userscope.backstop.data" (dict "policy" .policy "policies" .policies) | fromJsonArray -}}
{{- if eq .names "stored" -}}
{{- $names = concat $names (include "userscope.backstop.kept" .policy | fromJsonArray) -}}
{{- end -}}
{{- $worded := append $names (dict "name" "messages" "is" (include "userscope.backstop.messages" .policy.facts)) -}}
{{- range printf "files/backstop/%s.names.yaml" .names | $files.Get | fromYamlArray -}}
{{- $worded = append $worded . -}}
{{- if not .words -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- $only := .only | default dict -}}
{{- $all := list -}}
{{- $texts := list -}}
{{- range .rules -}}
{{- $holds := include "userscope.backstop.holds" (dict "files" $files "rule" .) | printf "(\n%s\n)" -}}
{{- with get $only . -}}
{{- $holds = printf "(!%s || %s)" . $holds -}}
{{- end -}}
{{- $all = append $all $holds -}}
{{- $words := printf "files/backstop/%s.cel" . | $files.Get | splitList "\n--- message\n" | last | trim -}}
{{- $texts = append $texts (printf "(%s ? [] : (\n%s\n).filter(text, text != \"\").map(text, \"%s: \" + text))" $holds $words .) -}}
{{- end -}}
{{- $refusal := dict "name" "text" "is" (printf "\"userscope: \" + (\n%s\n).join(\"; \")" (join "\n+ " $texts)) -}}
{{- dict
  "breaks" (include "userscope.backstop.named" (dict "names" $names "macro" "exists" "expression" (join "\n&& " $all | printf "!(\n%s\n)")))
  "words" (include "userscope.backstop.named" (dict "names" (append $worded $refusal) "macro" "map" "expression" "text.substring(0, [text.size(), 1000].min())"))
  | toJson -}}
{{- end }}
