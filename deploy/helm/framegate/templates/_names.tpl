{{- define "framegate.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of (dict "root" $ "component" "data-plane"), as everything below. */}}
{{- define "framegate.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "framegate.metadata" -}}
name: {{ include "framegate.fullname" .root }}-{{ .component }}
{{ include "framegate.labels" . }}
{{- end -}}

{{- define "framegate.labels" -}}
labels:
  {{- include "framegate.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "framegate.values" -}}
{{- ternary .root.Values.controlPlane .root.Values.dataPlane (eq .component "control-plane") | toYaml -}}
{{- end -}}

{{- define "framegate.secret" -}}
{{- $values := include "framegate.values" . | fromYaml -}}
{{- $values.existingSecret | default (printf "%s-%s" (include "framegate.fullname" .root) .component) -}}
{{- end -}}

{{- define "framegate.image" -}}
{{- $values := include "framegate.values" . | fromYaml -}}
image: "{{ $values.image.repository }}:{{ $values.image.tag | default .root.Chart.AppVersion }}"
imagePullPolicy: {{ $values.image.pullPolicy }}
{{- end -}}
