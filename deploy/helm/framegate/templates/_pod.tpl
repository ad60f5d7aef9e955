{{/* What both planes' pods have in common: they run as nobody in particular, and write nowhere but where it is mounted. */}}
{{- define "framegate.podMetadata" -}}
{{- $values := include "framegate.values" . | fromYaml -}}
{{ include "framegate.labels" . }}
{{- if not $values.existingSecret }}
annotations:
  framegate/secret: {{ toJson $values.secret | sha256sum }} # another secret, other pods
{{- end }}
{{- end -}}

{{- define "framegate.podSpec" -}}
{{- $values := include "framegate.values" . | fromYaml -}}
serviceAccountName: {{ include "framegate.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "framegate.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "framegate.container" -}}
{{- include "framegate.image" . }}
envFrom:
  - secretRef: {name: {{ include "framegate.secret" . }}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Settings of both planes. */}}
{{- define "framegate.env" -}}
{{- $values := include "framegate.values" . | fromYaml -}}
- {name: FRAMEGATE_GATEWAY_URL, value: {{ .root.Values.gatewayUrl | quote }}}
{{- with .root.Values.gatewayTlsUrl }}
- {name: FRAMEGATE_GATEWAY_TLS_URL, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.endpointAllow }}
- {name: FRAMEGATE_ENDPOINT_ALLOW, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.endpointDeny }}
- {name: FRAMEGATE_ENDPOINT_DENY, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := $values.env }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}

{{/* A pod is live as long as it answers, and ready while it should be sent somebody. */}}
{{- define "framegate.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
# Until every proxy has heard that this pod gets nobody more.
lifecycle:
  preStop: {sleep: {seconds: 5}}
{{- end -}}
