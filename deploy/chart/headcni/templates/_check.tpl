{{- /* What the schema cannot see: values against each other. */ -}}
{{- define "headcni.check" -}}
{{- $host := eq (include "headcni.mode" .) "host" }}
{{- if dig "headscale" "authKey" "" .Values.config }}
{{- fail "config.headscale.authKey would stand in a ConfigMap: give headscale.authKey or headscale.existingSecret" }}
{{- end }}
{{- if not (or $host .Values.headscale.authKey .Values.headscale.existingSecret (eq .Values.headscale.approval "api")) }}
{{- fail "headscale.authKey or headscale.existingSecret must give a pre-auth key (or headscale.approval must be api)" }}
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
