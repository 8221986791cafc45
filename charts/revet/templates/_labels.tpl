{{/* What every object of the chart carries. `managed-by` is Helm: the operator's own say revet. */}}
{{- define "revet.labels" -}}
app.kubernetes.io/name: revet
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What selects the pods of a component; a Deployment can never change it. Takes its name. */}}
{{- define "revet.selector" -}}
app.kubernetes.io/name: revet
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* The canary's namespace, outside every policy. */}}
{{- define "revet.canary" -}}
{{ .Release.Namespace }}-canary
{{- end }}

{{/* The namespaces that are outside every policy beside those that always are, as flags. */}}
{{- define "revet.systemNamespaces" -}}
{{- range .Values.systemNamespaces }}
- --system-namespace={{ . }}
{{- end }}
{{- if .Values.canary.pinnedImage }}
- --system-namespace={{ include "revet.canary" . }}
{{- end }}
{{- end }}
