import { isIP } from "node:net";
import type { HeadcniSettings } from "../../machines/headcni/headcni-events.ts";
import type { TailscaledOptions } from "../adapters/tailscale/tailscaled-command.ts";
import type { Config } from "../config/config-schema.ts";
import { hostAndPort } from "../domain/addresses/host-and-port.ts";
import type { AllowedFromUnderlay, GuardSettings, NamespaceCarrier } from "../domain/guard/guard-settings.ts";
import type { Believed } from "../domain/tailnet/believed-prefixes.ts";
import type { AuthKeySource } from "../domain/tailnet/login-problem.ts";

/** What the guard keeps true, out of the configuration. */
export function guardSettings({
  network,
  kubernetes,
}: Config): Omit<GuardSettings, "ownPrefixes" | "carrier"> {
  return {
    supernets: network.podCIDR,
    masquerade: network.masquerade,
    nodesKnown: kubernetes.enabled,
    networkPolicies: kubernetes.enabled && kubernetes.networkPolicy,
    services: kubernetes.enabled ? network.serviceCIDR : [],
    allowFromUnderlay: allowedFromUnderlay(network.allowFromUnderlay),
  };
}

/** Our own tailscaled, out of the configuration. */
export function namespaceCarrier({ network, tailscale }: Config): NamespaceCarrier {
  return {
    kind: "namespace",
    linkPrefixes: tailscale.linkCIDR,
    tunnel: { name: tailscale.interfaceName, mtu: network.mtu },
    underlayPort: tailscale.port,
  };
}

/** A prefix has a slash, which no link's name may have. */
function allowedFromUnderlay(senders: readonly string[]): AllowedFromUnderlay {
  return {
    prefixes: senders.filter((sender) => sender.includes("/")),
    links: senders.filter((sender) => !sender.includes("/")),
  };
}

/** How tailscaled is run, out of the configuration. */
export function tailscaledOptions(config: Config): TailscaledOptions {
  const { tailscale, network, runtimeDir, stateDir, sysctlDir } = config;
  const { binary, interfaceName, port, environment } = tailscale;
  const staticEndpoints = tailscale.staticEndpoints.map((endpoint) => withPort(endpoint, port));
  const { mtu } = network;
  return { runtimeDir, stateDir, sysctlDir, binary, interfaceName, mtu, port, staticEndpoints, environment };
}

function withPort(endpoint: string, port: number): string {
  return isIP(endpoint) === 0 ? endpoint : hostAndPort(endpoint, port);
}

/** Without a key of ours the owner of the node's tailscaled logs it in; ours gets one of Headscale. */
function authKeyFrom({ headscale, tailscale }: Config): AuthKeySource {
  if (headscale.authKey !== undefined) return "credentials";
  if (tailscale.mode === "host") return "owner";
  return headscale.approval === "api" ? "headscale" : "credentials";
}

/** What an earlier life left in the state directory and the kernel. */
export interface EarlierLife {
  /** The pod CIDRs that it proved. */
  readonly provenPrefixes: readonly string[];
  /** Prefixes of the ServiceCIDR objects. */
  readonly services: readonly string[];
  /** What it kept in force of the tailnet. */
  readonly believed: Believed;
}

/** What the machines decide by. */
export function machineSettings(
  config: Config,
  { provenPrefixes, services, believed }: EarlierLife,
): HeadcniSettings {
  const { nodeName, headscale, tailscale, network, ipam, readiness, kubernetes, monitoring } = config;
  const hostname = `${tailscale.hostnamePrefix}${nodeName}`;
  const api = headscale.approval === "api";
  return {
    ownPrefixes: network.nodePodCIDR,
    pods: {
      mtu: network.mtu,
      strategy: ipam.strategy,
      restMs: ipam.restSeconds * 1000,
      seed: Date.now() % 2 ** 31,
    },
    routes: {
      supernets: network.podCIDR,
      approval: api ? "api" : "policy",
    },
    tailscale: {
      wanted: { controlUrl: headscale.url, hostname },
      authKeyFrom: authKeyFrom(config),
      mode: tailscale.mode,
      mtu: network.mtu,
    },
    headscale: {
      authenticates: api,
      tags: tailscale.tags,
      hostnamePrefix: tailscale.hostnamePrefix,
      seed: nodeName,
    },
    allowlist: tailscale.mode === "host" && kubernetes.enabled ? { believed } : null,
    readiness: { proofWanted: readiness.routeProof === "required", provenPrefixes },
    // At all addresses it is served already.
    metricsPage: monitoring.podNetwork && !["0.0.0.0", "::"].includes(monitoring.address),
    kubernetes: kubernetes.enabled
      ? {
          node: {
            seed: nodeName,
            configured: network.nodePodCIDR,
            supernets: network.podCIDR,
            publishesAddress: kubernetes.publishNodeAddress,
            metricsPort: monitoring.podNetwork ? monitoring.port : null,
          },
          podWatch: { seed: nodeName, selective: kubernetes.podSelector !== "" },
          serviceCidrs: { seed: nodeName, remembered: services },
          policy: kubernetes.networkPolicy ? { seed: nodeName } : null,
        }
      : null,
  };
}
