{{/*
The rules of the backstop are files of plain CEL, files/backstop/RULE.cel, and these templates put them
into the expressions of a policy. The first half of a file is whether the rule holds: it is evaluated for
every sandbox, so it builds neither texts nor lists. The other half, below a line "--- message", is a list
of texts, each of which says where the rule is broken.

What a rule asks of each container, volume or mount stands below a line such as "--- each v in otherVolumes":
all rules share one loop over them. Lists of containers, "--- each e in c.env", need not be there. Mounts are
also divided: "--- each m of the claim", "--- each m of another volume".

An API server evaluates every messageExpression, also of a validation that holds. So the rules stand in a
match condition, which selects the Pods that break one, and the validation refuses them all: only then
words are made. A condition that cannot be evaluated refuses, too, by failurePolicy: Fail.

Conditions see no variables. What the rules call by names are the variables of macros over lists of one; the
policy's data are literals. An API server watches the cost of each step, which makes the number of steps what
counts: a function of the library over a long text takes less than a loop over a short list.
*/}}

{{/* The policy's data, as literals by what the rules call them: policy.claim, lists.secrets. Call it with a
policy and all of them: .policy, .policies. */}}
{{- define "userscope.backstop.data" -}}
{{- $p := .policy -}}
{{- $literals := dict -}}
{{- range list "name" "claim" "root" "userKey" "sandboxIDKey" "userDataVolume" "userDataMountPath" "idPattern" -}}
{{- $_ := set $literals (printf "policy.%s" .) (get $p . | toJson) -}}
{{- end -}}
{{- $_ := set $literals "policy.marker" (toJson $p.facts.marker) -}}
{{- $_ := set $literals "policy.lostAndFound" (toJson $p.facts.ids.lostAndFound) -}}
{{- $_ := set $literals "policy.userStamp" (toJson $p.facts.stamps.user) -}}
{{- $_ := set $literals "policy.threadStamp" (toJson $p.facts.stamps.thread) -}}
{{- range $noun := list "user" "thread" -}}
{{- range $source := list "label" "annotation" -}}
{{- $key := ternary (get $p (printf "%sKey" $noun)) (get $p.facts.stamps $noun) (has (get $p.facts.sources $source) $p.identityFrom) -}}
{{- $_ := set $literals (printf "policy.%s%s" $noun (title $source)) (toJson $key) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $literals "policy.threadKey" (ternary $p.threadKey "" $p.needsThread | toJson) -}}
{{- range list "userPattern" "threadPattern" -}}
{{- $pattern := get $p . -}}
{{- $_ := set $literals (printf "policy.%s" .) (ternary (printf "^(?:%s)$" $pattern) "" (ne $pattern "") | toJson) -}}
{{- end -}}
{{- $writable := list -}}
{{- $directories := list -}}
{{- range $p.directories -}}
{{- $directories = append $directories (printf "%s%s" $p.root .path) -}}
{{- if eq .access "ReadWrite" -}}
{{- $writable = append $writable (printf "%s%s" $p.root .path) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $literals "policy.writable" (join "\u0000" $writable | toJson) -}}
{{- $_ := set $literals "policy.directories" (join "\u0000" $directories | toJson) -}}
{{- $hostPaths := list -}}
{{- $writableHostPaths := list -}}
{{- range $base := $p.hostPathBases -}}
{{- range $p.directories -}}
{{- if contains "{user}" .path -}}
{{- $hostPaths = append $hostPaths (printf "%s/%s" $base .path) -}}
{{- end -}}
{{- if eq .access "ReadWrite" -}}
{{- $writableHostPaths = append $writableHostPaths (printf "%s/%s" $base .path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $literals "policy.hostPaths" (join "\u0000" $hostPaths | toJson) -}}
{{- $_ := set $literals "policy.writableHostPaths" (join "\u0000" $writableHostPaths | toJson) -}}
{{- range $name, $list := include "userscope.backstop.lists" $p | fromJson -}}
{{- $_ := set $literals (printf "lists.%s" $name) (toJson $list) -}}
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
{{- $_ := set $literals "policy.selected" (include "userscope.cel.selected" (dict "labels" "object.metadata.?labels" "policy" $p)) -}}
{{- $_ := set $literals "policy.wasSelected" (include "userscope.cel.selected" (dict "labels" "oldObject.metadata.?labels" "policy" $p)) -}}
{{- $_ := set $literals "maps.claims" (toJson $claims) -}}
{{- $_ := set $literals "most.user" (toJson $p.facts.ids.userLength) -}}
{{- $_ := set $literals "most.thread" (toJson $p.facts.ids.threadLength) -}}
{{- $_ := set $literals "most.priority" ($p.allow.maxPriority | default 0 | int64 | toJson) -}}
{{- $_ := set $literals "lists.tolerations" (include "userscope.cel.tolerations" ($p.allow.tolerations | default list)) -}}
{{- $_ := set $literals "maps.allowedLabels" ($p.allow.labels | default dict | toJson) -}}
{{- $steering := list -}}
{{- range $p.facts.controllersAnnotations -}}
{{- $steering = append $steering (regexQuoteMeta .) -}}
{{- end -}}
{{- $_ := set $literals "policy.steering" (printf "^(%s)" (join "|" $steering) | toJson) -}}
{{- $_ := set $literals "policy.anyValue" (toJson $p.facts.labels.any) -}}
{{- range $name, $bound := $p.bounds -}}
{{- $_ := set $literals (printf "bounds.%s" $name) (toJson $bound) -}}
{{- end -}}
{{- toJson $literals -}}
{{- end }}

{{/* An expression with the policy's data in the place of its names. An API server folds literals when it
compiles an expression: it looks up a text in a list at once, and compiles a pattern once. No text of a policy
is taken for a name: JSON has no unescaped < (RFC 8259 allows it, toJson does not write it). Call it with
literals and the expression: .data, .expression. */}}
{{- define "userscope.backstop.filled" -}}
{{- $expression := regexReplaceAll "\\b(policy|lists|maps|most|bounds)[.][A-Za-z]+\\b" .expression "<<$0>>" -}}
{{- range $name, $literal := .data -}}
{{- $expression = replace (printf "<<%s>>" $name) $literal $expression -}}
{{- end -}}
{{ $expression }}
{{- end }}

{{/* The lists of texts among a policy's data. Call it with a policy. */}}
{{- define "userscope.backstop.lists" -}}
{{- $bases := .hostPathBases -}}
{{- $hostPaths := .allow.hostPaths | default list -}}
{{- range $directory := .directories -}}
{{- if not (or (contains "{user}" .path) .sharedByAll) -}}
{{- range $bases -}}
{{- $hostPaths = append $hostPaths (printf "%s/%s" . $directory.path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $allow := .allow -}}
{{- $prefixes := list -}}
{{- range $bases -}}
{{- $prefixes = append $prefixes (printf "%s/" .) -}}
{{- end -}}
{{- $lists := dict -}}
{{- range .facts.allowLists -}}
{{- $_ := set $lists . (get $allow . | default list) -}}
{{- end -}}
{{- $seLinuxOptions := list -}}
{{- if not (kindIs "invalid" $allow.seLinuxOptions) -}}
{{- $seLinuxOptions = list (include "userscope.cel.seLinuxOptions" $allow.seLinuxOptions | fromJson) -}}
{{- end -}}
{{- $restricted := ternary (list "configMaps") list (hasKey $allow "configMaps") -}}
{{- mustMergeOverwrite $lists (dict "restricted" $restricted "configMaps" (concat .facts.certificatesOfAll $lists.configMaps)
  "provisioners" .provisioners
  "hostPathBases" $prefixes "sharedHostPaths" $hostPaths "seLinuxOptions" $seLinuxOptions
  "fixedLabels" .fixedLabels "fixedAnnotations" .fixedAnnotations
  "fsGroups" (kindIs "invalid" $allow.fsGroup | ternary list (list (int64 $allow.fsGroup | toString)))
  "ownLabels" .ownLabels "controllersLabels" .facts.labels.controllers "controllersAnnotations" .facts.controllersAnnotations
  "stamps" (list .facts.stamps.user .facts.stamps.thread)
  "mountFields" .facts.mountFields
  "workloadKinds" .facts.workloadKinds
  "networkCapabilities" .facts.networkCapabilities
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

{{/* Three expressions about the bounds, which come before all rules: .first, which is cheap for any Pod, .within,
whether it keeps all of them, and .words, which ones it does not. Call it with the chart's files and a policy:
.files, .policy. */}}
{{- define "userscope.backstop.bounds" -}}
{{- $of := dict "files" .files "rule" "too-many" "data" (include "userscope.backstop.data" (dict "policy" .policy "policies" list) | fromJson) -}}
{{- $first := include "userscope.backstop.filled" (set $of "expression" (include "userscope.backstop.parts" $of | fromJson).first) -}}
{{- $names := list -}}
{{- range .files.Get "files/backstop/new.names.yaml" | fromYamlArray -}}
{{- $names = append $names (set . "is" (include "userscope.backstop.filled" (set $of "expression" .is))) -}}
{{- end -}}
{{- $then := include "userscope.backstop.named" (dict "names" $names "macro" "exists"
  "expression" (include "userscope.backstop.holds" (set $of "rules" (list "too-many")))) -}}
{{- $messages := dict "name" "messages" "is" (include "userscope.backstop.messages" .policy.facts) -}}
{{- dict "first" $first "within" (printf "%s\n&& %s" $first $then)
  "words" (include "userscope.backstop.named" (dict "names" (list $messages) "macro" "map"
    "expression" (printf "\"userscope: too-many: \" + (\n%s\n).join(\"; too-many: \")" (include "userscope.backstop.says" $of)))) | toJson -}}
{{- end }}

{{/* An expression with names for others. Names that it does not use are left out. Call it with a list of names,
each of which may use those before it, the macro, which is exists for a bool and map for anything else, and the
expression: .names, .macro, .expression. */}}
{{- define "userscope.backstop.named" -}}
{{- $macro := .macro -}}
{{- $expression := .expression -}}
{{- range reverse .names -}}
{{- if regexMatch (printf "(^|[^.?\\w])%s\\b" .name) $expression -}}
{{- $expression = printf "[%s].%s(%s,\n%s\n)%s" .is $macro .name $expression (ternary "[0]" "" (eq $macro "map")) -}}
{{- end -}}
{{- end -}}
{{ $expression }}
{{- end }}

{{/* The parts of the first half of a rule's file, by the lines that head them: --- each c in containers. What
stands above the first of them is the part "". Call it with the chart's files and the rule: .files, .rule. */}}
{{- define "userscope.backstop.parts" -}}
{{- $parts := dict -}}
{{- $half := printf "files/backstop/%s.cel" .rule | .files.Get | splitList "\n--- message\n" | first -}}
{{- range printf "--- \n%s" $half | splitList "\n--- " -}}
{{- $lines := trimPrefix "--- " . | splitn "\n" 2 -}}
{{- $expression := regexReplaceAll "(?m)^ *//.*\n?" $lines._1 "" | trim -}}
{{- if not (regexMatch "^(|first|added|each m of (the claim|another volume)|each [a-z] in (c[.])?[A-Za-z]+)$" $lines._0) -}}
{{- fail (printf "files/backstop/%s.cel: --- %s: heads no part of a rule" $.rule $lines._0) -}}
{{- end -}}
{{- if $expression -}}
{{- $_ := set $parts $lines._0 $expression -}}
{{- end -}}
{{- end -}}
{{- toJson $parts -}}
{{- end }}

{{/* Whether rules hold: the first halves of their files. What they ask of each container, mount and so on stands
in one loop for all of them. Call it with the chart's files, the policy's data and the rules: .files, .data,
.rules. */}}
{{- define "userscope.backstop.holds" -}}
{{- $of := dict "files" .files "data" .data -}}
{{- $parts := dict -}}
{{- range .rules -}}
{{- range $head, $expression := include "userscope.backstop.parts" (set $of "rule" .) | fromJson -}}
{{- $filled := include "userscope.backstop.filled" (set $of "expression" $expression) | printf "(%s)" -}}
{{- $_ := set $parts $head (append (get $parts $head | default list) $filled) -}}
{{- end -}}
{{- end -}}
{{- $ofClaim := get $parts "each m of the claim" -}}
{{- $ofOthers := get $parts "each m of another volume" -}}
{{- if or $ofClaim $ofOthers -}}
{{- $each := printf "(m.name in otherNames ? %s :\n%s)" (join "\n&& " $ofOthers | default "true") (join "\n&& " $ofClaim | default "true") -}}
{{- $_ := set $parts "each m in c.volumeMounts" (append (get $parts "each m in c.volumeMounts" | default list) $each) -}}
{{- end -}}
{{- range $head, $expressions := $parts -}}
{{- if contains " in c." $head -}}
{{- $words := splitList " " $head -}}
{{- $each := printf "(!has(%s) || %s.all(%s,\n%s))" (index $words 3) (index $words 3) (index $words 1) (join "\n&& " $expressions) -}}
{{- $_ := set $parts "each c in containers" (append (get $parts "each c in containers" | default list) $each) -}}
{{- end -}}
{{- end -}}
{{- $all := get $parts "" | default list -}}
{{- range $head, $expressions := $parts -}}
{{- if and (contains " in " $head) (not (contains " in c." $head)) -}}
{{- $words := splitList " " $head -}}
{{- $all = append $all (printf "%s.all(%s,\n%s)" (index $words 3) (index $words 1) (join "\n&& " $expressions)) -}}
{{- end -}}
{{- end -}}
{{ join "\n&& " $all }}
{{- end }}

{{/* A list of texts, each of which says where a rule is broken: the other half of its file. Call it with the
chart's files, the policy's data and the rule: .files, .data, .rule. */}}
{{- define "userscope.backstop.says" -}}
{{- $halves := printf "files/backstop/%s.cel" .rule | .files.Get | splitList "\n--- message\n" -}}
{{- include "userscope.backstop.filled" (dict "data" .data "expression" (last $halves | trim)) -}}
{{- end }}

{{/*
Two expressions for some rules: .breaks, whether a Pod breaks any, and .words, which ones and where. Call
it with the chart's files, the policies and one of them, the rules, the name of the file with what they call
the parts of a Pod, rules that come first and have words elsewhere, and, where a rule is asked under a condition
only, the name of that: .files, .policies, .policy, .rules, .names, .first, .only.
*/}}
{{- define "userscope.backstop.rules" -}}
{{- $files := .files -}}
{{- $data := include "userscope.backstop.data" (dict "policy" .policy "policies" .policies) | fromJson -}}
{{- $names := list -}}
{{- $worded := list (dict "name" "messages" "is" (include "userscope.backstop.messages" .policy.facts)) -}}
{{- range printf "files/backstop/%s.names.yaml" .names | $files.Get | fromYamlArray -}}
{{- $name := set . "is" (include "userscope.backstop.filled" (dict "data" $data "expression" .is)) -}}
{{- $worded = append $worded $name -}}
{{- if not .words -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- $only := .only | default dict -}}
{{- $always := .first | default list -}}
{{- $all := list -}}
{{- $texts := list -}}
{{- range .rules -}}
{{- $of := dict "files" $files "data" $data "rules" (list .) "rule" . -}}
{{- $holds := include "userscope.backstop.holds" $of | printf "(\n%s\n)" -}}
{{- if hasKey $only . -}}
{{- $holds = printf "(!%s || %s)" (get $only .) $holds -}}
{{- $all = append $all $holds -}}
{{- else -}}
{{- $always = append $always . -}}
{{- end -}}
{{- $texts = append $texts (printf "(%s ? [] : (\n%s\n).filter(text, text != \"\").map(text, \"%s: \" + text))"
  $holds (include "userscope.backstop.says" $of) .) -}}
{{- end -}}
{{- $all = prepend $all (include "userscope.backstop.holds" (dict "files" $files "data" $data "rules" $always)) -}}
{{- $refusal := dict "name" "text" "is" (printf "\"userscope: \" + (\n%s\n).join(\"; \")" (join "\n+ " $texts)) -}}
{{- dict
  "breaks" (include "userscope.backstop.named" (dict "names" $names "macro" "exists" "expression" (join "\n&& " $all | printf "!(\n%s\n)")))
  "words" (include "userscope.backstop.named" (dict "names" (append $worded $refusal) "macro" "map" "expression" "text.substring(0, [text.size(), 1000].min())"))
  | toJson -}}
{{- end }}
