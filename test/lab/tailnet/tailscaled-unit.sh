#!/bin/sh
# tailscaled-unit.sh TAILSCALED FLAG...: runs tailscaled as the unit of its package does (cmd/tailscaled/tailscaled.service of
# tailscale.com 1.102.3). Its rules, routes and link are taken away whenever it ends (ExecStopPost), and it is started again after
# 100 ms unless it ended by itself or by SIGTERM (Restart=on-failure; RestartSec of systemd.service(5)).
while :; do
  "$@"
  status=$?
  "$1" --cleanup
  case $status in 0 | 143) exit 0 ;; esac
  sleep 0.1
done
