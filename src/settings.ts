import type { HeadcniSettings } from "../machines/headcni/headcni-events.ts";
import type { Config } from "./config/config-schema.ts";
import type { GuardSettings } from "./domain/guard-settings.ts";

/** What the guard keeps true, out of the configuration. */
export function guardSettings({ network, tailscale }: Config): GuardSettings {
  return {
    ownPrefixes: network.nodePodCIDR,
    supernets: network.podCIDR,
    linkPrefix: tailscale.linkCIDR,
    tunnel: { name: tailscale.interfaceName, mtu: network.mtu },
    underlayPort: tailscale.port,
    masquerade: network.masquerade,
  };
}

/** What the machines decide by, out of the configuration. `proven`: an earlier life proved this identity. */
export function machineSettings(config: Config, proven: boolean): HeadcniSettings {
  const { nodeName, headscale, tailscale, network, ipam, readiness } = config;
  const hostname = `${tailscale.hostnamePrefix}${nodeName}`;
  const api = headscale.approval === "api";
  return {
    pods: {
      prefixes: network.nodePodCIDR,
      mtu: network.mtu,
      strategy: ipam.strategy,
      restMs: ipam.restSeconds * 1000,
      seed: Date.now() % 2 ** 31,
    },
    routes: {
      own: network.nodePodCIDR,
      supernets: network.podCIDR,
      approval: headscale.approval,
    },
    tailscale: {
      wanted: { controlUrl: headscale.url, hostname, advertiseRoutes: network.nodePodCIDR },
      authKeyFrom: headscale.authKey === undefined && api ? "headscale" : "credentials",
    },
    headscale: { authenticates: api, tags: tailscale.tags, seed: nodeName },
    proofNeeded: readiness.routeProof === "required" && !proven,
  };
}
