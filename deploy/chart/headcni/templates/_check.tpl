{{- /* What the schema cannot say: how a text must look, and values against each other. */ -}}
{{- define "headcni.check" -}}
{{- include "headcni.checkTexts" . }}
{{- include "headcni.checkMonitoring" . }}
{{- $host := eq (include "headcni.mode" .) "host" }}
{{- if dig "headscale" "authKey" "" .Values.config }}
{{- fail "config.headscale.authKey would be stored in a ConfigMap: give headscale.authKey or headscale.existingSecret" }}
{{- end }}
{{- if not (or $host .Values.headscale.authKey .Values.headscale.existingSecret (ne .Values.headscale.approval "policy")) }}
{{- fail "headscale.authKey or headscale.existingSecret must give a pre-auth key (or headscale.approval must be controller or api)" }}
{{- end }}
{{- if eq (include "headcni.controlled" .) "true" }}
{{- if or .Values.headscale.authKey .Values.headscale.existingSecret }}
{{- fail "headscale.authKey and headscale.existingSecret must be left out with headscale.approval: controller: it makes the pre-auth key, in a Secret of its own; its API key belongs into headscale.apiKeySecret" }}
{{- end }}
{{- if not (or .Values.headscale.apiKey .Values.headscale.apiKeySecret) }}
{{- fail "headscale.approval: controller needs headscale.apiKeySecret, a Secret with the key api-key (or headscale.apiKey)" }}
{{- end }}
{{- else if .Values.headscale.apiKeySecret }}
{{- fail "headscale.apiKeySecret must be left out without headscale.approval: controller: only the controller reads it" }}
{{- end }}
{{- if and (eq .Values.headscale.approval "api") (not (or .Values.headscale.apiKey .Values.headscale.existingSecret)) }}
{{- fail "headscale.approval: api needs headscale.apiKey, or headscale.existingSecret with the key api-key" }}
{{- end }}
{{- $given := dig "tailscale" dict .Values.config }}
{{- if ne (dig "mode" (include "headcni.mode" .) $given) (include "headcni.mode" .) }}
{{- fail "config.tailscale.mode: give tailscale.mode, by which the chart knows what to start" }}
{{- end }}
{{- if hasKey $given "socket" }}
{{- fail "config.tailscale.socket: give tailscale.socket, by which the chart knows what to mount" }}
{{- end }}
{{- if $host }}
{{- /* As src/config/check-host-mode.ts, which would keep every daemon from starting. */ -}}
{{- range $key := list "binary" "interfaceName" "port" "linkCIDR" "staticEndpoints" "environment" "hostnamePrefix" }}
{{- if hasKey $given $key }}
{{- fail (printf "config.tailscale.%s must be left out with tailscale.mode: host: the owner of the node's tailscaled decides about it" $key) }}
{{- end }}
{{- end }}
{{- if .Values.wire.resources }}
{{- fail "wire.resources must be left out with tailscale.mode: host: there is no headcni-wire" }}
{{- end }}
{{- else if (.Values.tailscale).socket }}
{{- fail "tailscale.socket must be left out with tailscale.mode: daemon: our own tailscaled has its own" }}
{{- end }}
{{- end }}

{{- /* Every text that is wrong, with what would be right. */ -}}
{{- define "headcni.checkTexts" -}}
{{- $prefix := list "^[0-9A-Fa-f.:]+/[0-9]{1,3}$" "a prefix, for example 10.244.0.0/16, or a list of one for each family" }}
{{- $path := list "^(/[^/]+)+$" "an absolute path, for example /opt/cni/bin" }}
{{- $origin := list "^https?://[^/]+$" "an origin without a path, for example https://headscale.example.org" }}
{{- $socket := list "^(/[^/ ]+){2,}$" "an absolute path of two parts or more, for example /run/tailscale/tailscaled.sock" }}
{{- $name := list "^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$" "at most 40 lower-case letters, digits and inner hyphens, for example headcni-host" }}
{{- $digest := list "^sha256:[0-9a-f]{64}$" "sha256: and 64 hexadecimal digits" }}
{{- $duration := list "^([0-9]+[smh])+$" "a duration, for example 30s" }}
{{- $texts := list
      (list "fullnameOverride" .Values.fullnameOverride false $name)
      (list "image.digest" .Values.image.digest false $digest)
      (list "headscale.url" .Values.headscale.url true $origin)
      (list "tailscale.socket" (.Values.tailscale).socket false $socket)
      (list "controller.address" (.Values.controller).address false (list "^[0-9A-Fa-f.:]+$" "an address, for example 127.0.0.1 or 0.0.0.0"))
      (list "network.podCIDR" .Values.network.podCIDR true $prefix)
      (list "network.serviceCIDR" .Values.network.serviceCIDR true $prefix)
      (list "cni.confDir" .Values.cni.confDir true $path)
      (list "cni.binDir" .Values.cni.binDir true $path)
      (list "runtimeDir" .Values.runtimeDir true $path)
      (list "stateDir" .Values.stateDir true $path)
      (list "monitoring.podMonitor.interval" ((.Values.monitoring).podMonitor).interval false $duration) }}
{{- $wrong := list }}
{{- range $texts }}
{{- $key := index . 0 }}
{{- $needed := index . 2 }}
{{- $right := index . 3 }}
{{- $value := index . 1 | default "" }}
{{- range kindIs "string" $value | ternary (list $value) $value }}
{{- if and (or $needed .) (not (regexMatch (index $right 0) .)) }}
{{- $wrong = append $wrong (printf "%s: found %q, must be %s" $key . (index $right 1)) }}
{{- end }}
{{- end }}
{{- end }}
{{- /* sun_path has 108 bytes with its end; the node's file system is below /host. */ -}}
{{- if gt (len ((.Values.tailscale).socket | default "")) 102 }}
{{- $wrong = append $wrong "tailscale.socket: must have 102 bytes at most, for no program can open a longer one" }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n%s" (join "\n" $wrong)) }}
{{- end }}
{{- end }}

{{- define "headcni.checkMonitoring" -}}
{{- $given := dig "monitoring" dict .Values.config }}
{{- if hasKey $given "podNetwork" }}
{{- fail "config.monitoring.podNetwork: give monitoring.podNetwork, by which the chart knows who may be asked" }}
{{- end }}
{{- $monitoring := .Values.monitoring | default dict }}
{{- if and ($monitoring.podMonitor).enabled (not $monitoring.podNetwork) }}
{{- fail "monitoring.podMonitor.enabled: true needs monitoring.podNetwork: true, or no Prometheus reaches the metrics that it is told of" }}
{{- end }}
{{- end }}
