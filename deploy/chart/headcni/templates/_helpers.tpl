{{- /* Of the objects; a second release in a cluster has another one. */ -}}
{{- define "headcni.name" -}}
{{ .Values.fullnameOverride | default "headcni" }}
{{- end }}

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
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "headcni.secretName" -}}
{{ .Values.headscale.existingSecret | default (printf "%s-credentials" (include "headcni.name" .)) }}
{{- end }}

{{- /* "true" where headcni-controller approves routes. */ -}}
{{- define "headcni.controlled" -}}
{{ eq .Values.headscale.approval "controller" }}
{{- end }}

{{- /* With the API key: only the controller's pod mounts it. */ -}}
{{- define "headcni.apiKeySecret" -}}
{{ .Values.headscale.apiKeySecret | default (printf "%s-controller" (include "headcni.name" .)) }}
{{- end }}

{{- /* The daemon's configuration: what the chart knows, and over it what .Values.config says. */ -}}
{{- define "headcni.config" -}}
{{- $headscale := dict "url" .Values.headscale.url "approval" .Values.headscale.approval }}
{{- $joins := and (eq (include "headcni.controlled" .) "true") (eq (include "headcni.mode" .) "daemon") }}
{{- if or .Values.headscale.authKey .Values.headscale.existingSecret $joins }}
{{- $_ := set $headscale "authKeyFile" "/etc/headcni-credentials/auth-key" }}
{{- end }}
{{- if eq .Values.headscale.approval "api" }}
{{- $_ := set $headscale "apiKeyFile" "/etc/headcni-credentials/api-key" }}
{{- end }}
{{- /* Only where it is given: a headcni-wire of an earlier release reads this, too, and refuses keys that it does not know. */ -}}
{{- $network := dict "podCIDR" .Values.network.podCIDR "serviceCIDR" .Values.network.serviceCIDR }}
{{- with .Values.network.allowFromUnderlay }}
{{- $_ := set $network "allowFromUnderlay" . }}
{{- end }}
{{- /* Likewise. */ -}}
{{- $tailscale := dict }}
{{- if eq (include "headcni.mode" .) "host" }}
{{- $tailscale = dict "mode" "host" "socket" (printf "/host%s" (include "headcni.socket" .)) "bootUnit" (eq (include "headcni.bootUnit" .) "true") }}
{{- end }}
{{- $kubernetes := dict "enabled" true }}
{{- if .Values.publishNodeAddress }}
{{- $_ := set $kubernetes "publishNodeAddress" true }}
{{- end }}
{{- $known := dict
      "runtimeDir" .Values.runtimeDir
      "stateDir" .Values.stateDir
      "sysctlDir" "/host/proc/sys"
      "headscale" $headscale
      "network" $network
      "cni" .Values.cni
      "kubernetes" $kubernetes }}
{{- if $tailscale }}
{{- $_ := set $known "tailscale" $tailscale }}
{{- end }}
{{- if (.Values.monitoring).podNetwork }}
{{- $_ := set $known "monitoring" (dict "podNetwork" true) }}
{{- end }}
{{- toYaml (mergeOverwrite $known (deepCopy .Values.config)) }}
{{- end }}

{{- define "headcni.mode" -}}
{{ (.Values.tailscale).mode | default "daemon" }}
{{- end }}

{{- /* Of the node's own tailscaled, on the node. */ -}}
{{- define "headcni.socket" -}}
{{ (.Values.tailscale).socket | default "/var/run/tailscale/tailscaled.sock" }}
{{- end }}

{{- /* The folder above the socket's: systemd makes the socket's own folder anew with each start of tailscaled (RuntimeDirectory=). */ -}}
{{- define "headcni.socketMount" -}}
{{- $folder := dir (include "headcni.socket" .) -}}
{{ eq (dir $folder) "/" | ternary $folder (dir $folder) }}
{{- end }}

{{- /* The configuration says where: below /host. Read-only: one may connect all the same. */ -}}
{{- define "headcni.tailscaledMount" -}}
{name: tailscaled, mountPath: /host{{ include "headcni.socketMount" . }}, readOnly: true, mountPropagation: HostToContainer}
{{- end }}

{{- define "headcni.tailscaledVolume" -}}
{name: tailscaled, hostPath: {path: {{ include "headcni.socketMount" . }}, type: Directory}}
{{- end }}

{{- /* "true" where the chart puts a unit on the nodes that loads the rules before tailscaled starts. */ -}}
{{- define "headcni.bootUnit" -}}
{{ and (eq (include "headcni.mode" .) "host") (.Values.tailscale).bootUnit }}
{{- end }}

{{- define "headcni.bootUnitContainer" -}}
image: {{ include "headcni.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [headcni-boot-unit]
env: {{- include "headcni.environment" . | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsUser: 0
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "headcni.unitsVolume" -}}
{name: units, hostPath: {path: /etc/systemd/system, type: DirectoryOrCreate}}
{{- end }}

{{- /* "true" where daemons write the addresses of their Nodes, by whichever value. */ -}}
{{- define "headcni.publishesNodeAddress" -}}
{{- dig "kubernetes" "publishNodeAddress" "" (include "headcni.config" . | fromYaml) }}
{{- end }}

{{- /* "true" where daemons enforce NetworkPolicies, by whichever value. Values of an earlier release have none. */ -}}
{{- define "headcni.enforcesPolicies" -}}
{{- dig "kubernetes" "networkPolicy" (dig "enabled" true (.Values.networkPolicy | default dict)) .Values.config }}
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
{{- if and .Values.announceHostIP (eq (include "headcni.mode" .) "daemon") }}
- name: HEADCNI_TAILSCALE_STATIC_ENDPOINTS
  valueFrom:
    fieldRef:
      # Of each family that the Node has; an address alone stands for tailscale.port there.
      fieldPath: status.hostIPs
{{- end }}
{{- with .Values.apiServer.host }}
- name: KUBERNETES_SERVICE_HOST
  value: {{ . | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ $.Values.apiServer.port | default "443" | quote }}
{{- end }}
{{- end }}

{{- /* All that HeadCNI leaves on a node's disk; the rest of its work a reboot takes away. */ -}}
{{- define "headcni.nodeFiles" -}}
{{ .Values.cni.confDir }}/{{ dig "cni" "confName" "10-headcni.conflist" .Values.config }} {{ .Values.cni.binDir }}/headcni {{ .Values.runtimeDir }} {{ .Values.stateDir }}
{{- if eq (include "headcni.bootUnit" .) "true" }} /etc/systemd/system/headcni-guard.service /etc/systemd/system/multi-user.target.wants/headcni-guard.service
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
{{- with .tolerations | default .Values.tolerations }}
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

{{- /* What kubelet mounts into every container of a pod, as a volume for one of them (compare the admission plugin ServiceAccount). */ -}}
{{- define "headcni.apiAccessVolume" -}}
- name: api-access
  projected:
    defaultMode: 0444
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}]}
{{- end }}

{{- define "headcni.configVolumes" -}}
- name: config
  configMap: {name: {{ include "headcni.name" . }}}
- name: credentials
  secret:
    secretName: {{ include "headcni.secretName" . }}
    defaultMode: 0400
    optional: true
{{- end }}

{{- define "headcni.uninstallHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* Cleans up a node in an init container; the container after it only says that this is done. */ -}}
{{- define "headcni.cleanupDaemonSet" -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ include "headcni.name" . }}-cleanup
  namespace: {{ .Release.Namespace }}
  labels: {{- include "headcni.labels" . | nindent 4 }}
    app.kubernetes.io/component: cleanup
spec:
  selector:
    matchLabels: {{- include "headcni.selector" . | nindent 6 }}
      app.kubernetes.io/component: cleanup
  template:
    metadata:
      labels: {{- include "headcni.labels" . | nindent 8 }}
        app.kubernetes.io/component: cleanup
    spec:
      {{- include "headcni.podBasics" . | nindent 6 }}
      hostPID: true
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      initContainers:
        - name: cleanup
          image: {{ include "headcni.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          args: [--config, /etc/headcni/config.yaml, --cleanup]
          env: {{- include "headcni.environment" . | nindent 12 }}
          securityContext: {{- include "headcni.securityContext" . | nindent 12 }}
          volumeMounts:
            {{- include "headcni.configMounts" . | nindent 12 }}
            # The folders above ours, so that ours can go.
            - {name: runtime, mountPath: {{ dir .Values.runtimeDir }}, mountPropagation: HostToContainer}
            - {name: state, mountPath: {{ dir .Values.stateDir }}}
            - {name: cni-bin, mountPath: {{ .Values.cni.binDir }}}
            - {name: cni-conf, mountPath: {{ .Values.cni.confDir }}}
            - {name: sysctls, mountPath: /host/proc/sys/net}
            {{- if eq (include "headcni.mode" .) "host" }}
            - {{ include "headcni.tailscaledMount" . }}
            {{- end }}
        {{- if eq (include "headcni.bootUnit" .) "true" }}
        # Once nothing needs the rules any more.
        - name: remove-boot-unit
          {{- include "headcni.bootUnitContainer" . | nindent 10 }}
          args: [--remove, --units, /host/etc/systemd/system]
          volumeMounts:
            - {name: units, mountPath: /host/etc/systemd/system}
        {{- end }}
      containers:
        - name: clean
          image: {{ include "headcni.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          command: [sleep, infinity]
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: 65534
            capabilities:
              drop: [ALL]
            seccompProfile:
              type: RuntimeDefault
      volumes:
        {{- include "headcni.configVolumes" . | nindent 8 }}
        - {name: runtime, hostPath: {path: {{ dir .Values.runtimeDir }}, type: Directory}}
        - {name: state, hostPath: {path: {{ dir .Values.stateDir }}, type: Directory}}
        - {name: cni-bin, hostPath: {path: {{ .Values.cni.binDir }}, type: DirectoryOrCreate}}
        - {name: cni-conf, hostPath: {path: {{ .Values.cni.confDir }}, type: DirectoryOrCreate}}
        - {name: sysctls, hostPath: {path: /proc/sys/net, type: Directory}}
        {{- if eq (include "headcni.mode" .) "host" }}
        - {{ include "headcni.tailscaledVolume" . }}
        {{- end }}
        {{- if eq (include "headcni.bootUnit" .) "true" }}
        - {{ include "headcni.unitsVolume" . }}
        {{- end }}
{{- end }}
