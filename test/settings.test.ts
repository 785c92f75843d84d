import { afterAll, expect, test } from "vitest";
import { guardSettings } from "../src/settings.ts";
import { openConfigDirectory } from "./config/config-fixture.ts";

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
