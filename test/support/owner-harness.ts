import type { OwnerFacts } from "../../src/domain/owner/owner-facts.ts";
import { nothingOurs } from "../../src/domain/owner/owner-preferences.ts";
import type { OwnerRequirements } from "../../src/domain/owner/owner-problem.ts";
import type { OwnerTerms, SeenTerms } from "../../src/domain/owner/owner-terms.ts";

const seenTerms: SeenTerms = {
  tunnel: { name: "tailscale0", mtu: 1280 },
  addresses: ["100.64.0.7"],
  confineTable52: "toTailnet",
  magicDns: false,
  netfilter: "on",
};
export const terms: OwnerTerms = { ...seenTerms, elsewhere: false };

export const required: OwnerRequirements = {
  controlUrl: "http://10.99.0.1:8080",
  prefixes: ["10.244.1.0/24"],
  mtu: 1280,
  logsIn: false,
};

/** An owner's tailscaled, logged in to Headscale and running, that nobody has added anything to. */
export const facts: OwnerFacts = {
  version: "1.102.3-t0123456789",
  tun: true,
  backendState: "Running",
  profileId: "a1b2",
  controlUrl: "http://10.99.0.1:8080",
  shieldsUp: false,
  statefulFiltering: false,
  preferences: { routes: ["192.168.7.0/24"], acceptsRoutes: false, appConnector: false },
  record: nothingOurs,
  guardedAtBoot: true,
  served: null,
  terms: seenTerms,
};
