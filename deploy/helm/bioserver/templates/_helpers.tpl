{{- define "bioserver.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "bioserver.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "bioserver.labels" -}}
{{ include "bioserver.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The names of the secret settings, each a key of the Secret. */}}
{{- define "bioserver.secrets" -}}
{{- $names := list "database_url" "master_key" }}
{{- if hasPrefix "s3://" (default "" .Values.settings.media) }}{{ $names = append $names "s3_secret_access_key" }}{{ end }}
{{- toJson (concat $names .Values.moreSecrets) }}
{{- end }}

{{- /* What the pods of nodes and of the migration have in common. */}}
{{- define "bioserver.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: secrets
    secret: { secretName: {{ .Values.secretName | quote }}, defaultMode: 0440 }
  - name: data
    emptyDir: { sizeLimit: 64Mi }
{{- end }}

{{- define "bioserver.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env:
  - { name: BIOSERVER_LISTEN, value: "0.0.0.0:8080" }
  - { name: BIOSERVER_METRICS_LISTEN, value: "0.0.0.0:9090" }
  - { name: BIOSERVER_DATA, value: /data }
  - { name: BIOSERVER_LOG_FORMAT, value: {{ .Values.settings.log_format | default "json" | quote }} }
  {{- range $name, $value := omit .Values.settings "log_format" }}
  - { name: BIOSERVER_{{ upper $name }}, value: {{ $value | quote }} }
  {{- end }}
  {{- range $name := include "bioserver.secrets" . | fromJsonArray }}
  - { name: {{ if eq $name "database_url" }}DATABASE_URL{{ else }}BIOSERVER_{{ upper $name }}{{ end }}_FILE, value: /run/secrets/bioserver/{{ $name }} }
  {{- end }}
volumeMounts:
  - { name: secrets, mountPath: /run/secrets/bioserver, readOnly: true }
  - { name: data, mountPath: /data }
{{- end }}
