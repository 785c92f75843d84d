import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";

export const sampleSettings: NamespaceGuard = {
  ownPrefixes: ["10.244.1.0/24"],
  supernets: ["10.244.0.0/16"],
  carrier: {
    kind: "namespace",
    linkPrefixes: ["198.18.0.0/30"],
    tunnel: { name: "tailscale0", mtu: 1280 },
    underlayPort: 41642,
  },
  masquerade: true,
  nodesKnown: true,
  networkPolicies: false,
  services: [],
  allowFromUnderlay: { prefixes: [], links: [] },
};
