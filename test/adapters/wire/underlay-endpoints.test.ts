import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { underlayEndpoints } from "../../../src/adapters/wire/underlay-endpoints.ts";

const supernets = ["10.244.0.0/16", "fd00:10:244::/48"];
const own = async (address: string) => (address.includes(":") ? "2001:db8:7::7" : "198.51.100.7");

test.each([
  [
    "one on the underlay stays",
    ["203.0.113.7:41642", "[2001:db8::7]:1"],
    ["203.0.113.7:41642", "[2001:db8::7]:1"],
  ],
  ["the node's address takes the place of its router address", ["10.244.1.1:41642"], ["198.51.100.7:41642"]],
  ["so it is with IPv6", ["[fd00:10:244:1::1]:41642"], ["[2001:db8:7::7]:41642"]],
  ["none comes twice", ["198.51.100.7:41642", "10.244.1.1:41642"], ["198.51.100.7:41642"]],
  ["there are none", [], []],
])("%s", async (_, endpoints, expected) => {
  expect(await underlayEndpoints(endpoints, supernets, own)).toEqual(expected);
});

test("without a default route there is nothing to try in place of a router address", async () => {
  const none = async () => undefined;
  expect(await underlayEndpoints(["10.244.1.1:1", "203.0.113.7:1"], supernets, none)).toEqual([
    "203.0.113.7:1",
  ]);
});

test("the kernel says which address that is", async () => {
  const here = Object.values(networkInterfaces()).flatMap((of = []) =>
    of.map(({ address }) => `${address}:1`),
  );
  for (const endpoint of await underlayEndpoints(["10.244.1.1:1"], supernets))
    expect(here).toContain(endpoint);
});
