import { afterAll, expect, test } from "vitest";
import { guardSettings, tailscaledOptions } from "../../src/programs/settings.ts";
import { openConfigDirectory } from "../config/config-fixture.ts";

const directory = openConfigDirectory();
afterAll(() => directory[Symbol.dispose]());

const guarded = (flags: readonly string[]) => guardSettings(directory.load(directory.minimal(), { flags }));

test("the guard keeps Services from the underlay where there are any", () => {
  expect(guarded(["kubernetes.enabled=true", "network.serviceCIDR=10.96.0.0/16"]).services).toEqual([
    "10.96.0.0/16",
  ]);
  expect(guarded(["network.serviceCIDR=10.96.0.0/16"]).services).toEqual([]);
});

test("who may come in from the underlay is told apart by prefix and link", () => {
  expect(guarded([]).allowFromUnderlay).toEqual({ prefixes: [], links: [] });
  expect(guarded(["network.allowFromUnderlay=192.0.2.0/24,docker0,2001:db8::/32"]).allowFromUnderlay).toEqual(
    {
      prefixes: ["192.0.2.0/24", "2001:db8::/32"],
      links: ["docker0"],
    },
  );
});

test("an address that is announced without a port stands for tailscaled's", () => {
  const endpoints = "tailscale.staticEndpoints=203.0.113.7,2001:db8::7,203.0.113.8:7,[2001:db8::8]:8";
  const config = directory.load(directory.minimal(), { flags: [endpoints, "tailscale.port=41700"] });
  expect(tailscaledOptions(config).staticEndpoints).toEqual([
    "203.0.113.7:41700",
    "[2001:db8::7]:41700",
    "203.0.113.8:7",
    "[2001:db8::8]:8",
  ]);
});

test("a single address of the Node is one, of either family", () => {
  for (const [address, endpoint] of [
    ["10.0.0.1", "10.0.0.1:41642"],
    ["fd00::1", "[fd00::1]:41642"],
  ] as const) {
    const environment = { HEADCNI_TAILSCALE_STATIC_ENDPOINTS: address };
    expect(tailscaledOptions(directory.load(directory.minimal(), { environment })).staticEndpoints).toEqual([
      endpoint,
    ]);
  }
});
