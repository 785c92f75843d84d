import { describe, expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import { guardActors } from "../../src/actors/guard-actors.ts";
import {
  checkInvariants,
  cleanUpGuard,
  type GuardPorts,
  loadBootGuard,
  repairInvariants,
} from "../../src/actors/guard-work.ts";
import type { HostCarrier, NamespaceGuard } from "../../src/domain/guard/guard-settings.ts";
import type { KernelOperation, KernelSnapshot, NamespaceName } from "../../src/domain/kernel/kernel-state.ts";
import type { FirewallChange } from "../../src/domain/nftables/nft-observation.ts";

const settings: NamespaceGuard = {
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

/** Ports that note what is asked of them; what `fails` names is refused. */
function notingPorts(
  routes: KernelSnapshot["routes"] = [],
  fails: { readonly firewall?: boolean; readonly route?: boolean } = {},
) {
  const log: string[] = [];
  const loaded: string[] = [];
  let remembered: Readonly<Record<string, string>> = {};
  const lo = { index: 1, name: "lo", mac: "", mtu: 65536, up: true, group: 0, alias: "", kind: "" };
  const links = [lo, { ...lo, index: 2, name: "eth9" }];
  const snapshot: KernelSnapshot = { links, addresses: [], routes, rules: [] };
  const present: Record<string, string> = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/accept_redirects": "1",
    "net/ipv4/conf/default/forwarding": "0",
    "net/ipv4/conf/lo/forwarding": "0",
  };
  const ports = {
    kernel: {
      observe: () => Promise.resolve(snapshot),
      apply: (namespace: NamespaceName, operations: readonly KernelOperation[]) => {
        if (fails.route && operations.some(({ op }) => op === "route.replace"))
          return Promise.reject(new Error("no route"));
        log.push(...operations.map(({ op }) => `${namespace} ${op}`));
        return Promise.resolve();
      },
      readSysctls: (_: NamespaceName, names: readonly string[]) =>
        Promise.resolve(Object.fromEntries(names.map((name) => [name, present[name] ?? "0"]))),
      writeSysctls: (namespace: NamespaceName, values: Readonly<Record<string, string>>) => {
        log.push(...Object.entries(values).map(([name, value]) => `${namespace} ${name}=${value}`));
        Object.assign(present, values);
        return Promise.resolve();
      },
    },
    firewall: {
      observe: (namespace: NamespaceName) => {
        log.push(`${namespace} firewall.observe`);
        return Promise.resolve({ foreign: [] });
      },
      apply: (namespace: NamespaceName, changes: readonly FirewallChange[]) => {
        if (fails.firewall) return Promise.reject(new Error("no nft"));
        log.push(...changes.map(({ tool }) => `${namespace} ${tool}`));
        loaded.push(JSON.stringify(changes));
        return Promise.resolve();
      },
    },
    sysctlMemory: {
      recall: () => Promise.resolve(remembered),
      remember: (values: Readonly<Record<string, string>>) => {
        log.push("remember");
        remembered = { ...remembered, ...values };
        return Promise.resolve();
      },
      forget: () => {
        log.push("forget");
        remembered = {};
        return Promise.resolve();
      },
    },
  };
  return { log, loaded, ports: ports as unknown as GuardPorts, remembered: () => remembered };
}

const nodeOnly = { scope: "all", tailnetOpen: false } as const;

describe("the guard's work", () => {
  test("a check of the kernel starts no program", async () => {
    const { log, ports } = notingPorts();
    const broken = await checkInvariants(ports, settings, { scope: "kernel", tailnetOpen: false });
    expect(broken).toContain("node.ownRule");
    expect(log).toEqual([]);
  });

  test("the node's sysctls are remembered before the first is written", async () => {
    const { log, ports, remembered } = notingPorts();
    await repairInvariants(ports, settings, { ...nodeOnly, leave: [] });
    expect(log.indexOf("remember")).toBeGreaterThanOrEqual(0);
    expect(log.indexOf("remember")).toBeLessThan(log.indexOf("node net/ipv4/ip_forward=1"));
    expect(remembered()["net/ipv4/ip_forward"]).toBe("0");
    expect(Object.keys(remembered())).toContain("net/ipv4/conf/lo/forwarding");
    expect(Object.keys(remembered()).filter((name) => name.startsWith("net/ipv6"))).toEqual([]);
  });

  test("those of IPv6 are remembered once the node has it", async () => {
    const route = { family: 6, type: "unicast", destination: "2001:db8::/64", table: 254 } as const;
    const { log, ports, remembered } = notingPorts([{ ...route, metric: 256, protocol: 2, linkIndex: 2 }]);
    const linkPrefixes = [...settings.carrier.linkPrefixes, "fdc1::/126"];
    const carrier = { ...settings.carrier, linkPrefixes };
    await repairInvariants(ports, { ...settings, carrier }, { ...nodeOnly, leave: [] });
    expect(log.lastIndexOf("remember")).toBeLessThan(log.indexOf("node net/ipv6/conf/all/forwarding=1"));
    expect(Object.keys(remembered())).toEqual(
      expect.arrayContaining(["net/ipv4/ip_forward", "net/ipv6/conf/eth9/accept_ra"]),
    );
  });

  test.each([
    { fails: { firewall: true }, refused: ["node.firewall"] },
    { fails: { route: true }, refused: ["node.unreachable", "node.tailnetUnreachable"] },
  ])("what cannot be repaired ($refused) does not keep the rest from it", async ({ fails, refused }) => {
    const { ports, log } = notingPorts([], fails);
    const outcome = await repairInvariants(ports, settings, { ...nodeOnly, leave: [] });
    expect(outcome.refused.map(({ invariant }) => invariant)).toEqual(refused);
    expect(outcome.repaired).toContain("node.supernetRule");
    expect(outcome.repaired).not.toContain(refused[0]);
    expect(log).toContain("node rule.add");
  });

  test("what is to be left is left", async () => {
    const { ports, log } = notingPorts();
    const outcome = await repairInvariants(ports, settings, { ...nodeOnly, leave: ["node.firewall"] });
    expect(outcome.repaired).not.toContain("node.firewall");
    expect(log).not.toContain("node nft");
  });

  test.each([
    { configured: ["10.96.0.0/16"], followed: ["10.97.0.0/24", "fd97::/112"] },
    { configured: ["10.96.0.0/16"], followed: ["10.96.0.0/16"] },
    { configured: ["10.96.0.0/16"], followed: [] },
    { configured: [], followed: ["10.97.0.0/24"] },
  ])("Services of $configured and of the objects' $followed are kept from the underlay", async (services) => {
    const ports = notingPorts();
    const own = ["10.244.1.0/24", "fd00:10:244:1::/64"];
    const { repair } = guardActors(ports.ports, () => ({
      ...settings,
      supernets: ["10.244.0.0/16", "fd00:10:244::/48"],
      services: services.configured,
    }));
    const terms = { ownPrefixes: own, services: services.followed };
    const input = { ...nodeOnly, ...terms, leave: [] };
    await toPromise(createActor(repair, { input }).start());
    const [document = ""] = ports.loaded;
    for (const prefix of [...services.configured, ...services.followed]) {
      const [addr, len] = prefix.split("/");
      const text = JSON.stringify({ prefix: { addr, len: Number(len) } });
      // To them from the underlay, and out to the underlay.
      expect(document.split(text).length - 1).toBe(2);
    }
  });

  test("beside the node's own tailscaled there is no other namespace, and the settings are those of the moment", async () => {
    const { ports, log, loaded } = notingPorts();
    const carriers = ["tailscale0", "wan-tun"].map(
      (name): HostCarrier => ({
        ...{ kind: "host", tunnel: { name, mtu: 1280 }, confineTable52: "toTailnet" },
        ...{ magicDns: false, elsewhere: false },
      }),
    );
    const { repair } = guardActors(ports, () => ({
      ...settings,
      carrier: carriers.shift() ?? settings.carrier,
    }));
    const input = { ...nodeOnly, ownPrefixes: ["10.244.1.0/24"], services: [], tailnetOpen: true, leave: [] };
    for (const name of ["tailscale0", "wan-tun"]) {
      await toPromise(createActor(repair, { input }).start());
      expect(loaded.at(-1)).toContain(name);
    }
    expect(log.filter((line) => line.startsWith("tailnet"))).toEqual([]);
  });

  test("at boot all stands that can, and what could not is told", async () => {
    const { carrier: _carrier, ...shared } = settings;
    const tunnel = { name: "tailscale0", mtu: 1280 };
    const remembered = { tunnel, confineTable52: "toTailnet", magicDns: false, elsewhere: false } as const;
    const whole = notingPorts();
    await loadBootGuard(whole.ports, shared, remembered, true);
    expect(whole.loaded[0]).toContain("headcni_allowlist");
    const broken = notingPorts([], { firewall: true });
    await expect(loadBootGuard(broken.ports, shared, remembered, true)).rejects.toThrow("no nft");
    expect(broken.log).toContain("node rule.add");
  });

  test("cleanup writes the remembered values back and forgets them", async () => {
    const { ports, log } = notingPorts();
    await repairInvariants(ports, settings, { ...nodeOnly, leave: [] });
    await cleanUpGuard(ports);
    expect(log).toContain("node net/ipv4/ip_forward=0");
    expect(log.at(-1)).toBe("forget");
  });
});
