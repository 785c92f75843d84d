import type { GuardSettings } from "../../../src/domain/guard-settings.ts";

export const sampleSettings: GuardSettings = {
  ownPrefixes: ["10.244.1.0/24"],
  supernets: ["10.244.0.0/16"],
  linkPrefixes: ["198.18.0.0/30"],
  tunnel: { name: "tailscale0", mtu: 1280 },
  underlayPort: 41642,
  masquerade: true,
  services: [],
  allowFromUnderlay: { prefixes: [], links: [] },
};
