{{/* The names are fixed: the configurations are the cluster's, so there is one Userscope in it. */}}

{{/* The labels of every object. Call it with the root context. */}}
{{- define "userscope.labels" -}}
{{ include "userscope.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
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

{{/* How API servers reach a path of the webhook. Call it with the path and the root context. */}}
{{- define "userscope.clientConfig" -}}
service:
  namespace: {{ .root.Release.Namespace }}
  name: userscope
  path: {{ .path }}
  port: {{ include "userscope.port" .root }}
{{- end }}
