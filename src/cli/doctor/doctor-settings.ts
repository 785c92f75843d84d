import type { ExaminedConfig } from "../../config/load-config.ts";
import type { DoctorSettings } from "./judge/facts.ts";

function approvalOf(value: unknown): DoctorSettings["approval"] {
  return value === "api" || value === "controller" ? value : "policy";
}

/** The doctor's settings out of a configuration that may be wrong in places: those are empty, and their checks are left out. */
export function doctorSettings({ get }: Pick<ExaminedConfig, "get">): DoctorSettings {
  const text = (path: string) => String(get(path) ?? "");
  const number = (path: string) => Number(get(path) ?? 0);
  const texts = (path: string) => (get(path) ?? []) as readonly string[];
  const plugins = (get("cni.plugins") ?? []) as readonly { readonly type: string }[];
  return {
    nodeName: text("nodeName"),
    hostname: `${text("tailscale.hostnamePrefix")}${text("nodeName")}`,
    supernets: texts("network.podCIDR"),
    services: texts("network.serviceCIDR"),
    allowFromUnderlay: texts("network.allowFromUnderlay"),
    ownPrefixes: texts("network.nodePodCIDR"),
    linkPrefixes: texts("tailscale.linkCIDR"),
    ownerSocket: get("tailscale.mode") === "host" ? text("tailscale.socket") : "",
    bootUnit: get("tailscale.bootUnit") !== false,
    tunnelName: text("tailscale.interfaceName"),
    mtu: number("network.mtu"),
    underlayPort: number("tailscale.port"),
    monitoringPort: number("monitoring.port"),
    headscaleUrl: text("headscale.url"),
    approval: approvalOf(get("headscale.approval")),
    tags: texts("tailscale.tags"),
    runtimeDir: text("runtimeDir"),
    stateDir: text("stateDir"),
    cniBinDir: text("cni.binDir"),
    sysctlDir: text("sysctlDir"),
    cniConfDir: text("cni.confDir"),
    cniConfName: text("cni.confName"),
    chainedPlugins: plugins.map(({ type }) => type),
    kubernetes: get("kubernetes.enabled") === true,
    publishesAddress: get("kubernetes.publishNodeAddress") === true,
    networkPolicies: get("kubernetes.networkPolicy") === true,
  };
}
