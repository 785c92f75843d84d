import { expect, test } from "vitest";
import { holds, sameRule } from "../../../src/domain/guard/guard-holds.ts";
import type {
  KernelOperation,
  KernelRoute,
  KernelRouteRequest,
  KernelRule,
  KernelSnapshot,
} from "../../../src/domain/kernel/kernel-state.ts";

const link = (index: number, name: string, changes: object = {}) => ({
  ...{ index, name, mac: "", mtu: 1500, up: true, group: 0, alias: "", kind: "veth" },
  ...changes,
});
const rule: KernelRule = { family: 4, priority: 5180, table: 254, destination: "10.244.1.0/24" };
const unicast: KernelRoute = {
  ...{ family: 4, type: "unicast", destination: "0.0.0.0/0", table: 7, metric: 1, protocol: 0x48 },
  ...{ linkIndex: 3, gateway: "198.18.0.2", preferredSource: "10.244.1.1" },
} as const;
const refusal: KernelRoute = {
  ...{ family: 4, type: "unreachable", destination: "10.244.0.0/16", table: 254, metric: 9, protocol: 0x48 },
} as const;
const snapshot: KernelSnapshot = {
  links: [link(3, "headcni0"), link(4, "eth0", { up: false, kind: "" })],
  addresses: [
    { linkIndex: 4, address: "192.0.2.1", prefixLength: 24 },
    { linkIndex: 3, address: "198.18.0.1", prefixLength: 30 },
  ],
  routes: [unicast, refusal],
  rules: [{ ...rule, priority: 0 }, rule],
};

const { linkIndex: _, ...plain } = unicast;
const request: KernelRouteRequest = { ...plain, link: "headcni0" };
const address = { link: "headcni0", address: "198.18.0.1", prefixLength: 30 };

test.each<[string, KernelOperation, boolean]>([
  [
    "a veth",
    { ...{ op: "link.addVeth", link: "headcni0", peer: "eth0" }, peerNamespace: "tailnet", mtu: 1 },
    true,
  ],
  [
    "a link of another kind",
    { ...{ op: "link.addVeth", link: "eth0", peer: "x" }, peerNamespace: "tailnet", mtu: 1 },
    false,
  ],
  ["a link that is up", { op: "link.up", link: "headcni0" }, true],
  ["a link that is down", { op: "link.up", link: "eth0" }, false],
  ["no such link to be up", { op: "link.up", link: "none" }, false],
  ["a link to be gone", { op: "link.remove", link: "eth0" }, false],
  ["a link that is gone", { op: "link.remove", link: "none" }, true],
  ["an address", { op: "address.add", ...address }, true],
  ["an address to be gone", { op: "address.remove", ...address }, false],
  ["an address of another link", { op: "address.add", ...address, link: "eth0" }, false],
  ["an address of no link", { op: "address.add", ...address, link: "none" }, false],
  ["another address", { op: "address.add", ...address, address: "198.18.0.9" }, false],
  ["another length", { op: "address.add", ...address, prefixLength: 24 }, false],
  ["a rule", { op: "rule.add", rule }, true],
  ["a rule to be gone", { op: "rule.remove", rule }, false],
  ["a rule that is gone", { op: "rule.remove", rule: { ...rule, table: 1 } }, true],
  ["a route", { op: "route.replace", route: request }, true],
  ["a route to be gone", { op: "route.remove", route: request }, false],
  ["a route that is gone", { op: "route.remove", route: { ...request, table: 1 } }, true],
])("%s", (_what, operation, expected) => {
  expect(holds(operation, snapshot)).toBe(expected);
});

test.each<[string, object, boolean]>([
  ["no gateway named", { gateway: undefined }, true],
  ["another gateway", { gateway: "198.18.0.9" }, false],
  ["no source named", { preferredSource: undefined }, true],
  ["another source", { preferredSource: "10.244.1.9" }, false],
  ["another link", { link: "eth0" }, false],
  ["no link", { link: undefined }, false],
  ["another family", { family: 6 }, false],
  ["another destination", { destination: "10.0.0.0/8" }, false],
  ["another table", { table: 8 }, false],
  ["another metric", { metric: 2 }, false],
  ["another protocol", { protocol: 2 }, false],
])("a route with %s holds: %s", (_what, changes, expected) => {
  expect(holds({ op: "route.replace", route: { ...request, ...changes } }, snapshot)).toBe(expected);
});

test("a refusal goes through no link, and is no unicast route", () => {
  expect(holds({ op: "route.replace", route: refusal }, snapshot)).toBe(true);
  const other = { ...refusal, type: "blackhole" as const };
  expect(holds({ op: "route.replace", route: other }, snapshot)).toBe(false);
});

test.each<[object, boolean]>([
  [{}, true],
  [{ protocol: 3 }, true],
  [{ mark: 0 }, true],
  [{ mark: 1 }, false],
  [{ family: 6 }, false],
  [{ priority: 1 }, false],
  [{ table: 1 }, false],
  [{ action: "nop" }, false],
  [{ goto: 5290 }, false],
  [{ suppressPrefixLength: 0 }, false],
  [{ source: "10.0.0.0/8" }, false],
  [{ destination: "10.0.0.0/8" }, false],
])("a rule that differs by %o is the same: %s", (changes, expected) => {
  expect(sameRule(rule, { ...rule, ...changes })).toBe(expected);
  expect(sameRule({ ...rule, ...changes }, rule)).toBe(expected);
});
