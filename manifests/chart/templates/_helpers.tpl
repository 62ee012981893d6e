{{/* The names are fixed: the configurations are the cluster's, so there is one Userscope in it. */}}

{{/* The labels of every object. Call it with the root context. What others have named is written by
toYaml or quote, here and elsewhere: YAML takes 42 for a number, and # for the beginning of a comment. */}}
{{- define "userscope.labels" -}}
{{ include "userscope.selectorLabels" . }}
app.kubernetes.io/instance: {{ toYaml .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The label by which all of it is found, and deleted in an emergency. */}}
{{- define "userscope.selectorLabels" -}}
app.kubernetes.io/name: userscope
{{- end }}

{{/* The port of the webhook and of its Service. On the nodes' network 10250 is the kubelet's. */}}
{{- define "userscope.port" -}}
{{ .Values.port | default (ternary 10260 10250 .Values.hostNetwork) }}
{{- end }}

{{/* The Secret of the serving certificate. cert-manager has one of its own: it could not change the
type of the issuer's. */}}
{{- define "userscope.secretName" -}}
{{- if eq .Values.certificates.mode "issuer" -}}
userscope-tls
{{- else if eq .Values.certificates.mode "certManager" -}}
userscope-cert-manager-tls
{{- else -}}
{{ .Values.certificates.existingSecret.name }}
{{- end }}
{{- end }}

{{/* How API servers reach a path of the webhook. The issuer's caBundle is left out, so that no
upgrade takes it away. Call it with the path and the root context. */}}
{{- define "userscope.clientConfig" -}}
service:
  namespace: {{ toYaml .root.Release.Namespace }}
  name: userscope
  path: {{ .path }}
  port: {{ include "userscope.port" .root }}
{{- if eq .root.Values.certificates.mode "existingSecret" }}
caBundle: {{ include "userscope.caBundle" .root }}
{{- end }}
{{- end }}

{{/* The CAs of an existing Secret in one line: base64 writes several. */}}
{{- define "userscope.caBundle" -}}
{{ regexReplaceAll "\\s+" .Values.certificates.existingSecret.caBundle "" }}
{{- end }}

{{/* What tells cert-manager to keep a caBundle; empty in the other modes. */}}
{{- define "userscope.caInjection" -}}
{{- if eq .Values.certificates.mode "certManager" -}}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/userscope
{{- end }}
{{- end }}

{{/* Whether one of two absolute paths is the other or an ancestor of it. Call it with a list of both. */}}
{{- define "userscope.nested" -}}
{{- $a := printf "%s/" (first . | clean | trimSuffix "/") -}}
{{- $b := printf "%s/" (last . | clean | trimSuffix "/") -}}
{{- if or (hasPrefix $a $b) (hasPrefix $b $a) -}}
yes
{{- end -}}
{{- end }}
