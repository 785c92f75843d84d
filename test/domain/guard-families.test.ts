import { describe, expect, test } from "vitest";
import type { GuardObservation } from "../../src/domain/guard-observation.ts";
import { findBroken } from "../../src/domain/guard-plan.ts";
import type { NamespaceGuard } from "../../src/domain/guard-settings.ts";
import type { ForeignChain } from "../../src/domain/nft-observation.ts";
import { wireOperations } from "../../src/domain/wire-operations.ts";
import { applied, freshObservation } from "./model-kernel.ts";

const prefixes = {
  4: { own: "10.244.1.0/24", supernet: "10.244.0.0/16" },
  6: { own: "fd00:10:244:1::/64", supernet: "fd00:10:244::/48" },
} as const;

function settingsOf(families: readonly (4 | 6)[]): NamespaceGuard {
  return {
    ownPrefixes: families.map((family) => prefixes[family].own),
    supernets: families.map((family) => prefixes[family].supernet),
    carrier: {
      kind: "namespace",
      linkPrefix: "198.18.0.0/30",
      tunnel: { name: "tailscale0", mtu: 1280 },
      underlayPort: 41642,
    },
    masquerade: true,
    services: [],
    allowFromUnderlay: { prefixes: [], links: [] },
  };
}

describe.each([
  { pods: "IPv4", settings: settingsOf([4]), own: ["198.18.0.1", "10.244.1.1"] },
  { pods: "IPv6", settings: settingsOf([6]), own: ["198.18.0.1", "fe80::4843:1", "fd00:10:244:1::1"] },
  {
    pods: "both families",
    settings: settingsOf([4, 6]),
    own: ["198.18.0.1", "fe80::4843:1", "10.244.1.1", "fd00:10:244:1::1"],
  },
])("with pods of $pods", ({ settings, own }) => {
  const mended = (seen: GuardObservation, rounds = 3): GuardObservation => {
    const mends = findBroken(settings, seen).flatMap((broken) => broken.mends);
    return mends.length === 0 || rounds === 0 ? seen : mended(applied(seen, mends), rounds - 1);
  };
  const whole = mended(freshObservation);

  test("tailscaled's underlay is IPv4: the veth, X's way out, forwarding", () => {
    const { node, tailnet } = whole;
    expect(node.kernel.addresses.map(({ address }) => address)).toEqual(own);
    expect(tailnet?.kernel.routes).toContainEqual(
      expect.objectContaining({ family: 4, destination: "0.0.0.0/0", gateway: "198.18.0.1" }),
    );
    expect(node.sysctls["net/ipv4/ip_forward"]).toBe("1");
  });

  test("nothing of what headcni-wire made is taken away", () => {
    const { node: onNode, tailnet: inX } = wireOperations({ ...settings, ...settings.carrier });
    const made = applied(freshObservation, [
      { kind: "kernel", namespace: "node", operations: onNode },
      { kind: "kernel", namespace: "tailnet", operations: inX },
    ]);
    const names = findBroken(settings, made).map(({ invariant }) => invariant);
    expect(names.filter((name) => name.endsWith(".leftovers"))).toEqual([]);
  });

  test("a firewall that drops forwarded IPv4 lets tailscaled's packets through", () => {
    const chain: ForeignChain = {
      ...{ family: "ip", table: "filter", chain: "FORWARD", hook: "forward", policy: "drop" },
      ...{ manager: "iptables", rules: [] },
    };
    const own = whole.node.firewall?.own;
    const firewall = { foreign: [chain], ...(own === undefined ? {} : { own }) };
    const seen = { ...whole, node: { ...whole.node, firewall } };
    const comments = mended(seen).node.firewall?.foreign[0]?.rules.map(
      ({ comment }) => comment.split(":")[1],
    );
    expect(comments).toEqual(
      expect.arrayContaining(["from-tailnet", "to-tailnet-known", "to-tailnet-translated"]),
    );
  });
});
