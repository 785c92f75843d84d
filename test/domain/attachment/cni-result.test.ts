import { expect, test } from "vitest";
import type { AttachmentPlan } from "../../../src/domain/attachment/attachment.ts";
import {
  mismatchFailure,
  resultMismatches,
  resultOfPlan,
} from "../../../src/domain/attachment/cni-result.ts";

const plan: AttachmentPlan = {
  ...{ key: "c1/eth0", network: "headcni", containerId: "c1", ifname: "eth0", podUid: "u1" },
  ...{ netns: "/run/netns/c1", hostLink: "hc1", hostMac: "02:00:00:00:00:01", podMac: "02:00:00:00:00:02" },
  ...{ addresses: ["10.244.1.5", "fd00:244::5"], routerAddresses: ["10.244.1.1", "fd00:244::1"] },
  ...{ mtu: 1280, order: 0 },
};

test("the result gives the pod's side its addresses, gateways and a default route per family", () => {
  expect(resultOfPlan(plan, "1.1.0")).toEqual({
    cniVersion: "1.1.0",
    interfaces: [
      { name: "hc1", mac: "02:00:00:00:00:01", mtu: 1280 },
      { name: "eth0", mac: "02:00:00:00:00:02", mtu: 1280, sandbox: "/run/netns/c1" },
    ],
    ips: [
      { address: "10.244.1.5/32", gateway: "169.254.1.1", interface: 1 },
      { address: "fd00:244::5/128", gateway: "fe80::1", interface: 1 },
    ],
    routes: [
      { dst: "0.0.0.0/0", gw: "169.254.1.1" },
      { dst: "::/0", gw: "fe80::1" },
    ],
    dns: {},
  });
});

const result = resultOfPlan(plan, "1.1.0");

test("the result of the plan is as the plan, in any order", () => {
  expect(resultMismatches(result, plan)).toEqual([]);
  expect(resultMismatches({ ...result, ips: result.ips.toReversed() }, plan)).toEqual([]);
  expect(resultMismatches(result, { ...plan, addresses: plan.addresses.toReversed() })).toEqual([]);
});

test("addresses of other interfaces and other sandboxes are not ours", () => {
  const foreign = { address: "192.0.2.7/32", gateway: "192.0.2.1" };
  const others = {
    ...result,
    interfaces: [
      ...result.interfaces,
      { name: "net1", mac: "", sandbox: "/run/netns/c1" },
      { name: "eth0", mac: "", sandbox: "/run/netns/other" },
    ],
    ips: [...result.ips, ...[0, 2, 3, 9].map((index) => ({ ...foreign, interface: index }))],
  };
  expect(resultMismatches(others, plan)).toEqual([]);
});

test("another address, or none, is told beside what is expected", () => {
  const expected = "10.244.1.5/32, fd00:244::5/128";
  const [first] = result.ips;
  expect(resultMismatches({ ...result, ips: first ? [first] : [] }, plan)).toEqual([
    { what: "prevResult", expected, found: "10.244.1.5/32" },
  ]);
  expect(resultMismatches({ ...result, ips: [] }, plan)).toEqual([
    { what: "prevResult", expected, found: "none" },
  ]);
  expect(resultMismatches(result, { ...plan, addresses: [] })).toEqual([
    { what: "prevResult", expected: "none", found: expected },
  ]);
});

test("CHECK tells what differs, and how, with its own code", () => {
  const mismatches = [
    { what: "mtu", expected: "1280", found: "1500" },
    { what: "route", expected: "a", found: "none" },
  ];
  expect(mismatchFailure("c1/eth0", mismatches)).toEqual({
    code: 999,
    msg: "attachment c1/eth0 is not as ADD made it: mtu, route",
    details: "mtu: expected 1280, found 1500; route: expected a, found none",
  });
});
