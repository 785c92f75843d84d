import { expect, test } from "vitest";
import {
  formatLinkAlias,
  maximumAliasBytes,
  parseLinkAlias,
  planAlias,
} from "../../../src/domain/attachment/link-alias.ts";
import { planAttachment, planOfObserved } from "../../../src/domain/attachment/pod-network-plan.ts";
import {
  advertisedRouteProtocol,
  attachmentLinkGroup,
  hostRulePriority,
  leavingLinkGroup,
  magicDnsAddress,
  mainTable,
  podDefaultMetricBase,
  podGateway,
  podRouteMetric,
  podSourceTableBase,
  routeProtocol,
  rulePriority,
  subnetRouteMark,
  tailnetLink,
  tailnetRange,
  tailnetTable,
  tailscaleTable,
  unreachableMetric,
} from "../../../src/domain/kernel/kernel-constants.ts";

/** A new release finds what an older one left in the kernel by these: another value needs a way to move. */
test("what marks our objects in the kernel is the same in every release", () => {
  expect([attachmentLinkGroup, leavingLinkGroup]).toEqual([18499, 18500]);
  expect([routeProtocol, podRouteMetric, unreachableMetric]).toEqual([72, 72, 2_147_483_464]);
  expect([tailnetTable, podSourceTableBase]).toEqual([18499, 18500]);
  expect(rulePriority).toEqual({ ownPrefixToMain: 5180, supernetToTailnet: 5190 });
  expect(hostRulePriority).toEqual({
    ...{ ownPrefixToMain: 5199, tailnetToTable52: 5260, supernetToTable52: 5262, supernetUnreachable: 5263 },
    ...{ mainBeforeTable52: 5265, pastTable52: 5269, behindTable52: 5290 },
  });
  expect(podDefaultMetricBase).toEqual({ 4: 0, 6: 1024 });
  expect(podGateway).toEqual({ 4: "169.254.1.1", 6: "fe80::1" });
  expect(tailnetLink).toEqual({ node: "headcni0", tailnet: "eth0" });
});

test("what the kernel and tailscaled number is called by their numbers", () => {
  expect(advertisedRouteProtocol).toBe(9);
  expect([mainTable, tailscaleTable]).toEqual([254, 52]);
  expect(subnetRouteMark).toEqual({ mark: 0x40000, mask: 0xff0000 });
  expect(tailnetRange).toEqual({ 4: "100.64.0.0/10", 6: "fd7a:115c:a1e0::/48" });
  expect(magicDnsAddress).toEqual({ 4: "100.100.100.100", 6: "fd7a:115c:a1e0::53" });
});

const pod = { namespace: "default", name: "web", uid: "u1" };
const request = {
  wire: 1,
  command: "ADD",
  cniVersion: "1.1.0",
  network: "headcni",
  netns: "/run/netns/c1",
  containerId: "c1",
  ifname: "eth0",
  pod,
} as const;
const given = { addresses: ["10.244.1.5"], order: 0 };
const plan = planAttachment(request, { routerAddresses: ["10.244.1.1"], mtu: 1280 }, given);

test("names and MACs follow from the key alone, the same in every release", () => {
  expect(plan).toEqual({
    ...{ key: "c1/eth0", network: "headcni", containerId: "c1", ifname: "eth0", podUid: "u1" },
    ...{ netns: "/run/netns/c1", addresses: ["10.244.1.5"], routerAddresses: ["10.244.1.1"] },
    ...{ mtu: 1280, order: 0 },
    hostLink: "hczbb9xp2sxcvm2",
    hostMac: "4e:a7:04:33:fc:ea",
    podMac: "9e:44:12:4c:e2:95",
  });
});

test("what was attached before a restart has the plan it had, without the path of its namespace", () => {
  const { netns: _, podMac: __, routerAddresses: ___, ...told } = plan;
  const observed = { ...told, state: "ready", netnsInode: "7", routedAddresses: ["10.244.1.5"] } as const;
  expect(planOfObserved(observed, ["10.244.1.1"])).toEqual({ ...plan, netns: "" });
});

test("an alias is written as older releases wrote it, empty fields as a dash", () => {
  expect(planAlias(plan, "ready", "4026532000")).toBe(
    "headcni1 ready headcni c1 eth0 u1 4026532000 10.244.1.5 0",
  );
  expect(planAlias({ ...plan, podUid: "", addresses: [], order: 10_000 }, "pending", "1")).toBe(
    "headcni1 pending headcni c1 eth0 - 1 - 9999",
  );
  expect(maximumAliasBytes).toBe(255);
});

const alias = parseLinkAlias("headcni1 ready headcni c1 eth0 u1 1 10.244.1.5 0");
const field = (name: "network" | "containerId" | "ifname" | "podUid", value: string, place: number) =>
  alias && formatLinkAlias({ ...alias, [name]: value }).split(" ")[place];

test.each([
  ["network", 33, 2, 27],
  ["containerId", 64, 3, 27],
  ["ifname", 15, 4, 15],
  ["podUid", 36, 5, 27],
] as const)(
  "a %s of %i bytes stands as it is, a longer one as letters of hash",
  (name, limit, place, short) => {
    expect(field(name, "x".repeat(limit), place)).toBe("x".repeat(limit));
    const hashed = field(name, "x".repeat(limit + 1), place) ?? "";
    expect(hashed).toMatch(/^~[0-9a-z]+$/);
    expect(hashed).toHaveLength(short);
    expect(field(name, hashed, place)).toBe(hashed);
  },
);

test.each([
  ["-", "%2D"],
  ["~a", "%7Ea"],
  ["a-~", "a-~"],
  ["a b%\t", "a%20b%25%09"],
  ["\u0001\u007f", "%01%7F"],
])("the name %j is written %s", (name, written) => {
  expect(field("network", name, 2)).toBe(written);
  expect(parseLinkAlias(`headcni1 ready ${written} c1 eth0 - 1 - 0`)?.network).toBe(name);
});

test.each([
  ["no inode", "headcni1 ready headcni c1 eth0 -"],
  ["an inode of 21 digits", `headcni1 ready headcni c1 eth0 - ${"1".repeat(21)} - 0`],
  ["no order", "headcni1 ready headcni c1 eth0 - 1 -"],
  ["an order of five digits", "headcni1 ready headcni c1 eth0 - 1 - 10000"],
  ["an order with a leading zero", "headcni1 ready headcni c1 eth0 - 1 - 01"],
  ["an empty network", "headcni1 ready  c1 eth0 - 1 - 0"],
  ["an empty container id", "headcni1 ready headcni  eth0 - 1 - 0"],
  ["an empty interface", "headcni1 ready headcni c1  - 1 - 0"],
  ["an empty pod", "headcni1 ready headcni c1 eth0  1 - 0"],
  ["no addresses", "headcni1 ready headcni c1 eth0 - 1  0"],
])("%s is not ours", (_what, text) => {
  expect(parseLinkAlias(text)).toBeUndefined();
});
