{{- define "headcni.labels" -}}
app.kubernetes.io/name: headcni
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "headcni.selector" -}}
app.kubernetes.io/name: headcni
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "headcni.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "headcni.secretName" -}}
{{ .Values.headscale.existingSecret | default "headcni-credentials" }}
{{- end }}

{{- /* The daemon's configuration: what the chart knows, and over it what .Values.config says. */ -}}
{{- define "headcni.config" -}}
{{- $headscale := dict "url" .Values.headscale.url "approval" .Values.headscale.approval }}
{{- if or .Values.headscale.authKey .Values.headscale.existingSecret }}
{{- $_ := set $headscale "authKeyFile" "/etc/headcni-credentials/auth-key" }}
{{- end }}
{{- if eq .Values.headscale.approval "api" }}
{{- $_ := set $headscale "apiKeyFile" "/etc/headcni-credentials/api-key" }}
{{- end }}
{{- $known := dict
      "runtimeDir" .Values.runtimeDir
      "stateDir" .Values.stateDir
      "sysctlDir" "/host/proc/sys"
      "headscale" $headscale
      "network" (dict "podCIDR" .Values.network.podCIDR "serviceCIDR" .Values.network.serviceCIDR)
      "cni" .Values.cni
      "kubernetes" (dict "enabled" true) }}
{{- toYaml (mergeOverwrite $known (deepCopy .Values.config)) }}
{{- end }}

{{- define "headcni.securityContext" -}}
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsUser: 0
capabilities:
  drop: [ALL]
  add: [NET_ADMIN, NET_RAW, SYS_ADMIN]
seccompProfile:
  type: RuntimeDefault
# The usual profile forbids every mount, also those inside a mount namespace of one's own.
appArmorProfile:
  type: Unconfined
{{- end }}

{{- define "headcni.environment" -}}
- name: HEADCNI_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- if .Values.announceHostIP }}
- name: HOST_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
- name: HEADCNI_TAILSCALE_STATIC_ENDPOINTS
  value: "$(HOST_IP):{{ dig "tailscale" "port" 41642 .Values.config }}"
{{- end }}
{{- with .Values.apiServer.host }}
- name: KUBERNETES_SERVICE_HOST
  value: {{ . | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ $.Values.apiServer.port | default "443" | quote }}
{{- end }}
{{- end }}

{{- /* What every pod of HeadCNI shares: on the node's network, everywhere, before anything else. */ -}}
{{- define "headcni.podBasics" -}}
hostNetwork: true
# The cluster's own DNS may need the pod network, which is not there yet.
dnsPolicy: Default
enableServiceLinks: false
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "headcni.configMounts" -}}
- {name: config, mountPath: /etc/headcni, readOnly: true}
- {name: credentials, mountPath: /etc/headcni-credentials, readOnly: true}
{{- end }}

{{- define "headcni.configVolumes" -}}
- name: config
  configMap: {name: headcni}
- name: credentials
  secret:
    secretName: {{ include "headcni.secretName" . }}
    defaultMode: 0400
    optional: true
{{- end }}
