import { expect, test } from "vitest";
import { firewallRemains, kernelRemains } from "../../src/cli/uninstall/remains.ts";
import {
  attachmentLinkGroup,
  routeProtocol,
  tailnetTable,
} from "../../src/domain/kernel/kernel-constants.ts";
import type { KernelLink, KernelRoute, KernelRule } from "../../src/domain/kernel/kernel-state.ts";

const link: KernelLink = {
  index: 2,
  name: "eth0",
  mac: "",
  mtu: 1500,
  up: true,
  group: 0,
  alias: "",
  kind: "",
};
const route: KernelRoute = {
  family: 4,
  type: "unicast",
  destination: "0.0.0.0/0",
  table: 254,
  metric: 0,
  protocol: 3,
};
const rule: KernelRule = { family: 4, priority: 32766, table: 254 };

test("what others made is none of ours", () => {
  expect(kernelRemains({ links: [link], addresses: [], routes: [route], rules: [rule] })).toEqual([]);
});

test("a link of our group, a route of our protocol and a rule to our table are ours", () => {
  const remains = kernelRemains({
    links: [link, { ...link, name: "hcabc", group: attachmentLinkGroup }],
    addresses: [],
    routes: [route, { ...route, destination: "10.244.1.2/32", protocol: routeProtocol }],
    rules: [rule, { ...rule, priority: 5190, table: tailnetTable }],
  });
  expect(remains.map(({ what }) => what)).toEqual(["link", "route", "rule"]);
  expect(remains[0]?.name).toBe("hcabc");
});

test("our table counts once, and an accept in a foreign chain by its tag", () => {
  const ruleset = [
    "table inet headcni {",
    '\t\taccept comment "headcni:a:b"',
    "}",
    "table ip filter {",
    '\t\tip saddr 10.244.0.0/16 accept comment "headcni:accept:x"',
    "\t\tip saddr 10.0.0.0/8 accept",
    "}",
  ].join("\n");
  expect(firewallRemains(ruleset).map(({ name }) => name)).toEqual([
    "table inet headcni",
    'ip saddr 10.244.0.0/16 accept comment "headcni:accept:x"',
  ]);
});
