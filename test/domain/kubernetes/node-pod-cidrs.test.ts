import { expect, test } from "vitest";
import { judgePodCidrs, samePodCidrs } from "../../../src/domain/kubernetes/node-pod-cidrs.ts";

const supernets = ["10.244.0.0/16", "fd00:244::/48"];

test("one prefix of each family inside the supernets is usable, IPv4 first", () => {
  expect(judgePodCidrs(["fd00:244:0:1::/64", "10.244.1.0/24"], supernets)).toEqual({
    usable: true,
    prefixes: ["10.244.1.0/24", "fd00:244:0:1::/64"],
  });
});

test("the smallest useful prefixes hold a router address and a pod", () => {
  expect(judgePodCidrs(["10.244.1.0/30", "fd00:244::/126"], supernets).usable).toBe(true);
  expect(judgePodCidrs(["10.244.1.0/31"], ["10.244.0.0/16"]).usable).toBe(false);
  expect(judgePodCidrs(["fd00:244::/127"], ["fd00:244::/48"]).usable).toBe(false);
});

test.each([
  [[], "no pod CIDR yet"],
  [["10.245.1.0/24"], "lies outside"],
  [["10.244.1.0/31"], "too small"],
  [["10.244.1.0/24", "10.244.2.0/24"], "several pod CIDRs of one family"],
  [["10.244.1.0/24"], "no IPv6 pod CIDR"],
  [["fd00:244::/64"], "no IPv4 pod CIDR"],
])("%o is refused: %s", (found, problem) => {
  expect(judgePodCidrs(found, supernets)).toEqual({
    usable: false,
    problem: expect.stringContaining(problem),
  });
});

test("the order of families does not matter", () => {
  expect(samePodCidrs(["10.244.1.0/24", "fd00:244::/64"], ["fd00:244::/64", "10.244.1.0/24"])).toBe(true);
  expect(samePodCidrs(["10.244.1.0/24"], ["10.244.2.0/24"])).toBe(false);
  expect(samePodCidrs(["10.244.1.0/24"], ["10.244.1.0/24", "fd00:244::/64"])).toBe(false);
});
