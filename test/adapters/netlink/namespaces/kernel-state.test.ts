import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { routeProtocol, tailnetTable } from "../../../../src/domain/kernel/kernel-constants.ts";
import type { KernelOperation } from "../../../../src/domain/kernel/kernel-state.ts";
import { type RemoteKernel, startRemoteKernel } from "../support/remote-kernel.ts";
import { ipJson, run, succeeds } from "../support/run.ts";
import { testNamespaces } from "../support/test-namespaces.ts";

const namespaces = testNamespaces();
const made = `/run/netns/hcnl-${process.pid}-made`;
let node: string;
let kernel: RemoteKernel;

beforeAll(async () => {
  node = await namespaces.add("state-node");
  kernel = await startRemoteKernel(node);
});

afterAll(async () => {
  await kernel.state.removeNamespace(made);
  await kernel.close();
  await namespaces.removeAll();
});

async function refusal(doing: Promise<unknown>): Promise<unknown> {
  return doing.then(
    () => "done",
    (error) => error.detail,
  );
}

describe("namespaces", () => {
  test("makes one, keeps it when asked again, removes it twice", async () => {
    await kernel.state.createNamespace(made);
    const inode = () => run("stat", "-Lc", "%i", made);
    const first = await inode();
    await kernel.state.createNamespace(made);
    expect(await inode()).toBe(first);
    expect(await succeeds("nsenter", `--net=${made}`, "ip", "link", "show", "lo")).toBe(true);
    await kernel.state.removeNamespace(made);
    await kernel.state.removeNamespace(made);
    expect(await succeeds("stat", made)).toBe(false);
  });

  test("mounts over a plain file that an unmounted namespace left behind", async () => {
    await run("touch", made);
    await kernel.state.createNamespace(made);
    expect(await succeeds("nsenter", `--net=${made}`, "true")).toBe(true);
    await kernel.state.removeNamespace(made);
  });

  test("what is not open or not there is refused by name", async () => {
    expect(await refusal(kernel.state.observe("tailnet"))).toEqual({
      code: "NAMESPACE_MISSING",
      namespace: "tailnet",
    });
    const none = "/run/netns/hcnl-none";
    expect(await refusal(kernel.state.openNamespace("tailnet", none))).toEqual({
      code: "NAMESPACE_MISSING",
      namespace: none,
    });
  });

  test("reopening after the namespace was made anew speaks to the new one", async () => {
    await kernel.state.createNamespace(made);
    await kernel.state.openNamespace("tailnet", made);
    await kernel.state.apply("tailnet", [
      { op: "link.up", link: "lo" },
      { op: "address.add", link: "lo", address: "192.0.2.7", prefixLength: 32 },
    ]);
    await kernel.state.removeNamespace(made);
    expect(await refusal(kernel.state.observe("tailnet"))).toMatchObject({ code: "NAMESPACE_MISSING" });
    await kernel.state.createNamespace(made);
    await kernel.state.openNamespace("tailnet", made);
    expect((await kernel.state.observe("tailnet")).addresses).toEqual([]);
  });
});

describe("apply", () => {
  const link = {
    op: "link.addVeth",
    link: "headcni0",
    peer: "eth0",
    peerNamespace: "tailnet",
    mtu: 1400,
  } as const;
  const route = (destination: string, family: 4 | 6, gateway: string) => ({
    family,
    type: "unicast" as const,
    destination,
    table: tailnetTable,
    metric: family === 4 ? 0 : 1024,
    protocol: routeProtocol,
    gateway,
    link: "headcni0",
    onlink: true,
  });
  const rule = (family: 4 | 6, destination: string) => ({
    family,
    priority: 5190,
    table: tailnetTable,
    destination,
    protocol: routeProtocol,
  });
  const additions: readonly KernelOperation[] = [
    link,
    { op: "address.add", link: "headcni0", address: "169.254.99.1", prefixLength: 30 },
    { op: "address.add", link: "headcni0", address: "fd00:99::1", prefixLength: 126 },
    { op: "route.replace", route: route("0.0.0.0/0", 4, "169.254.99.2") },
    { op: "route.replace", route: route("::/0", 6, "fd00:99::2") },
    {
      op: "route.replace",
      route: {
        family: 4,
        type: "unreachable",
        destination: "10.0.0.0/8",
        table: 254,
        metric: 0x7fffff48,
        protocol: routeProtocol,
      },
    },
    { op: "rule.add", rule: rule(4, "10.0.0.0/8") },
    { op: "rule.add", rule: { ...rule(6, "fd00::/16"), mark: 0x80000, mask: 0xff0000 } },
    ...([4, 6] as const).flatMap((family): readonly KernelOperation[] => {
      const work = { family, priority: 5290, table: 0, protocol: routeProtocol };
      const destination = family === 4 ? "10.0.0.0/8" : "fd00::/16";
      return [
        { op: "rule.add", rule: { ...work, action: "nop" } },
        { op: "rule.add", rule: { ...work, priority: 5269, goto: 5290 } },
        { op: "rule.add", rule: { ...work, priority: 5265, table: 254, suppressPrefixLength: 0 } },
        { op: "rule.add", rule: { ...work, priority: 5263, action: "unreachable", destination } },
      ];
    }),
  ];
  const removals = additions.toReversed().map((operation): KernelOperation => {
    switch (operation.op) {
      case "address.add":
        return { ...operation, op: "address.remove" };
      case "route.replace":
        return { ...operation, op: "route.remove" };
      case "rule.add":
        return { ...operation, op: "rule.remove" };
      case "link.addVeth":
        return { op: "link.remove", link: operation.link };
      default:
        return operation;
    }
  });

  test("every operation may be repeated, and removing undoes all of it", async () => {
    const before = await kernel.state.observe("node");
    await kernel.state.apply("node", additions);
    const once = await kernel.state.observe("node");
    await kernel.state.apply("node", additions);
    expect(await kernel.state.observe("node")).toEqual(once);
    await kernel.state.apply("node", removals);
    await kernel.state.apply("node", removals);
    expect(await kernel.state.observe("node")).toEqual(before);
  });

  test("what was applied is what is observed", async () => {
    await kernel.state.apply("node", additions);
    const { links, addresses, routes, rules } = await kernel.state.observe("node");
    const veth = links.find(({ name }) => name === "headcni0");
    expect(veth).toMatchObject({ mtu: 1400, up: true, kind: "veth", group: 0 });
    expect(addresses).toContainEqual({ linkIndex: veth?.index, address: "169.254.99.1", prefixLength: 30 });
    expect(addresses).toContainEqual({ linkIndex: veth?.index, address: "fd00:99::1", prefixLength: 126 });
    for (const operation of additions) {
      if (operation.op === "rule.add") expect(rules).toContainEqual(operation.rule);
      if (operation.op !== "route.replace") continue;
      const { link: through, ...wanted } = operation.route;
      expect(routes).toContainEqual(
        expect.objectContaining(through === undefined ? wanted : { ...wanted, linkIndex: veth?.index }),
      );
    }
    const peer = (await kernel.state.observe("tailnet")).links.find(({ name }) => name === "eth0");
    expect(peer).toMatchObject({ mtu: 1400, up: true, kind: "veth" });
    await kernel.state.apply("node", removals);
  });

  test("packets pass between the ends at once", async () => {
    await kernel.state.apply("node", additions);
    await kernel.state.apply("tailnet", [
      { op: "address.add", link: "eth0", address: "169.254.99.2", prefixLength: 30 },
    ]);
    expect(await kernel.state.echo("169.254.99.1", "169.254.99.2", 30_000)).toBeGreaterThan(0);
    await kernel.state.apply("node", removals);
  });

  test("a veth that lost its other end is made anew", async () => {
    await run("ip", "-n", node, "link", "add", "headcni0", "type", "veth", "peer", "name", "elsewhere");
    await kernel.state.apply("node", [link]);
    expect((await ipJson(node, "link")).map(({ ifname }) => ifname)).not.toContain("elsewhere");
    expect((await kernel.state.observe("tailnet")).links.map(({ name }) => name)).toContain("eth0");
    await kernel.state.apply("node", [{ op: "link.remove", link: "headcni0" }]);
  });

  test("stops at the first refusal and says which operation it was", async () => {
    const failing: readonly KernelOperation[] = [
      { op: "address.add", link: "lo", address: "192.0.2.1", prefixLength: 32 },
      { op: "link.up", link: "absent" },
      { op: "address.add", link: "lo", address: "192.0.2.2", prefixLength: 32 },
    ];
    expect(await refusal(kernel.state.apply("node", failing))).toMatchObject({
      code: "KERNEL_REFUSED",
      errno: "ENODEV",
      operation: "link.up",
    });
    const addresses = (await kernel.state.observe("node")).addresses.map(({ address }) => address);
    expect(addresses).toContain("192.0.2.1");
    expect(addresses).not.toContain("192.0.2.2");
    await kernel.state.apply("node", [
      { op: "address.remove", link: "lo", address: "192.0.2.1", prefixLength: 32 },
    ]);
  });

  test("the kernel's own words come along", async () => {
    const bad = { ...route("10.0.0.0/8", 4, "203.0.113.1"), onlink: false };
    await kernel.state.apply("node", [link]);
    expect(await refusal(kernel.state.apply("node", [{ op: "route.replace", route: bad }]))).toEqual({
      code: "KERNEL_REFUSED",
      errno: "ENETUNREACH",
      operation: "route.replace",
      text: "Nexthop has invalid gateway",
    });
    await kernel.state.apply("node", [{ op: "link.remove", link: "headcni0" }]);
  });
});

describe("sysctls", () => {
  test("are read and written in the namespace asked for, and in no other", async () => {
    const names = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];
    const off = Object.fromEntries(names.map((name) => [name, "0"]));
    const on = Object.fromEntries(names.map((name) => [name, "1"]));
    await kernel.state.writeSysctls("node", off);
    await kernel.state.writeSysctls("tailnet", on);
    expect(await kernel.state.readSysctls("node", names)).toEqual(off);
    expect(await kernel.state.readSysctls("tailnet", names)).toEqual(on);
  });

  test("an unknown name is a refusal", async () => {
    expect(await refusal(kernel.state.readSysctls("tailnet", ["net/ipv4/no_such"]))).toMatchObject({
      code: "KERNEL_REFUSED",
      errno: "ENOENT",
    });
    expect(
      await refusal(kernel.state.writeSysctls("node", { "net/ipv4/ip_forward": "maybe" })),
    ).toMatchObject({
      code: "KERNEL_REFUSED",
      errno: "EINVAL",
    });
  });
});

describe("echo", () => {
  test("gives the round trip for both families", async () => {
    expect(await kernel.state.echo("127.0.0.1", "127.0.0.2", 30_000)).toBeGreaterThan(0);
    expect(await kernel.state.echo("::1", "::1", 30_000)).toBeGreaterThan(0);
  });

  test("many at once each get their own answer", async () => {
    const targets = Array.from({ length: 50 }, (_, index) => `127.0.1.${index + 1}`);
    const trips = await Promise.all(targets.map((target) => kernel.state.echo("127.0.0.1", target, 30_000)));
    expect(trips.filter((trip) => trip === undefined)).toEqual([]);
  });

  test("without a way, or with nobody there, there is no answer", async () => {
    expect(await kernel.state.echo("127.0.0.1", "203.0.113.1", 100)).toBeUndefined();
    await kernel.state.apply("node", [
      { op: "link.addVeth", link: "headcni0", peer: "eth0", peerNamespace: "tailnet", mtu: 1400 },
      { op: "address.add", link: "headcni0", address: "169.254.99.1", prefixLength: 30 },
    ]);
    expect(await kernel.state.echo("169.254.99.1", "169.254.99.2", 100)).toBeUndefined();
    await kernel.state.apply("node", [{ op: "link.remove", link: "headcni0" }]);
  });

  test("in a given size is dropped where it does not fit, never cut", async () => {
    await kernel.state.apply("node", [
      { op: "link.addVeth", link: "headcni0", peer: "eth0", peerNamespace: "tailnet", mtu: 1400 },
      { op: "address.add", link: "headcni0", address: "198.18.7.1", prefixLength: 30 },
    ]);
    await kernel.state.apply("tailnet", [
      { op: "link.up", link: "eth0" },
      { op: "address.add", link: "eth0", address: "198.18.7.2", prefixLength: 30 },
    ]);
    expect(await kernel.state.echo("198.18.7.1", "198.18.7.2", 30_000, 1400)).toBeGreaterThan(0);
    expect(await kernel.state.echo("198.18.7.1", "198.18.7.2", 500, 1401)).toBeUndefined();
    expect(await kernel.state.echo("198.18.7.1", "198.18.7.2", 30_000, 64)).toBeGreaterThan(0);
    await kernel.state.apply("node", [{ op: "link.remove", link: "headcni0" }]);
  });

  test("from an address that is not ours is a refusal", async () => {
    expect(await refusal(kernel.state.echo("192.0.2.99", "127.0.0.1", 100))).toMatchObject({
      code: "KERNEL_REFUSED",
      errno: "EADDRNOTAVAIL",
    });
  });
});
