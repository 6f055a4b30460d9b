{{- define "liuyan.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "liuyan.selector" -}}
app.kubernetes.io/name: liuyan
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "liuyan.labels" -}}
{{ include "liuyan.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "liuyan.image" -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end }}
{{- end }}

{{- define "liuyan.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "liuyan.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Settings of one component. A map of secret keys by setting is passed as `secrets`. */}}
{{- define "liuyan.environment" -}}
- name: LIUYAN_KAFKA
  value: {{ .root.Values.kafka | quote }}
- name: LIUYAN_CONSUMER_ADDRESS
  value: 0.0.0.0:9100
- name: LIUYAN_API_ADDRESS
  value: 0.0.0.0:9100
{{- range $setting, $key := .secrets }}
- name: {{ $setting }}_FILE
  value: /run/secrets/liuyan/{{ $key }}
{{- end }}
{{- range $setting, $value := .root.Values.settings }}
- name: {{ $setting }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}

{{- define "liuyan.mounts" -}}
- name: secrets
  mountPath: /run/secrets/liuyan
  readOnly: true
- name: temporary
  mountPath: /tmp
{{- if .root.Values.tlsSecret }}
- name: tls
  mountPath: /etc/liuyan
  readOnly: true
{{- end }}
{{- end }}

{{- define "liuyan.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.secrets.existingSecret }}
    defaultMode: 0440
    items:
      {{- range $setting, $key := .secrets }}
      - key: {{ $key }}
        path: {{ $key }}
      {{- end }}
# Also for the artifacts of registered models, which the processes download from the database.
- name: temporary
  emptyDir:
    sizeLimit: 1Gi
{{- if .root.Values.tlsSecret }}
- name: tls
  secret:
    secretName: {{ .root.Values.tlsSecret }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "liuyan.spread" -}}
{{- range $topology := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $topology }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "liuyan.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

{{- define "liuyan.probes" -}}
# A process loads its model before it answers.
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 90
# Liveness does not depend on servers: a pod must not be restarted because its database is unavailable.
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}

{{- define "liuyan.kafkaSecrets" -}}
{{- if .Values.secrets.kafkaPassword }}
LIUYAN_KAFKA_SASL_PASSWORD: kafka-password
{{- end }}
{{- end }}
