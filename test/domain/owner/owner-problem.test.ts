import { describe, expect, test } from "vitest";
import type { OwnerFacts } from "../../../src/domain/owner/owner-facts.ts";
import {
  type OwnerRequirements,
  ownerHindrance,
  ownerProblems,
} from "../../../src/domain/owner/owner-problem.ts";
import { facts, required, terms } from "../../support/owner-harness.ts";

const hinders = (changes: Partial<OwnerFacts>, others: Partial<OwnerRequirements> = {}) =>
  ownerHindrance({ ...facts, ...changes }, { ...required, ...others });
const problems = (changes: Partial<OwnerFacts>, others: Partial<OwnerRequirements> = {}) =>
  ownerProblems({ ...facts, ...changes }, { ...required, ...others });

describe("the owner's tailscaled", () => {
  test("that runs on our Headscale has nothing wrong with it, also while it starts", () => {
    for (const backendState of ["Running", "Starting", "NoState"] as const) {
      expect(hinders({ backendState })).toBeUndefined();
      expect(problems({ backendState })).toEqual([]);
    }
    expect(hinders({ controlUrl: "http://10.99.0.1:8080/" })).toBeUndefined();
  });

  test.each([
    [
      "TOO_OLD",
      { version: "1.98.4-tabc" },
      "the node's tailscaled is 1.98.4-tabc",
      "1.100 and later: upgrade",
    ],
    ["TOO_OLD", { version: "0.100.2" }, "0.100.2", "upgrade"],
    ["NO_TUN", { tun: false }, "no interface", "without that option"],
    ["OTHER_CONTROL", { controlUrl: "https://hs.example" }, "logged in to https://hs.example", "switch"],
    ["OTHER_CONTROL", { controlUrl: "" }, "logged in to https://controlplane.tailscale.com", "switch"],
    ["LOGGED_OUT", { backendState: "NeedsLogin" }, "not logged in", "--login-server=http://10.99.0.1:8080"],
    ["LOGGED_OUT", { backendState: "InUseOtherUser" }, "not logged in", "tailscale up"],
    ["OTHER_CONTROL", { controlUrl: "no URL" }, "logged in to no URL,", "switch"],
    ["LOGGED_OUT", { backendState: "NeedsMachineAuth" }, "not logged in", "tailscale up"],
    ["STOPPED", { backendState: "Stopped" }, "stopped (`tailscale down`)", "`tailscale up`"],
    [
      "APP_CONNECTOR",
      { preferences: { ...facts.preferences, appConnector: true } },
      "app connector",
      "--advertise-connector=false",
    ],
  ] as const)("cannot carry pods: %s %j", (code, changes, what, todo) => {
    const found = hinders(changes);
    expect(found?.code).toBe(code);
    expect(found?.words).toContain(what);
    expect(found?.words).toContain(todo);
  });

  test.each(["1.100.0", "1.102.3-t0123", "2.0.1", "built by hand"])("is new enough with %s", (version) => {
    expect(hinders({ version })).toBeUndefined();
  });

  test("that is logged out is logged in where there is a key, unless the profile is another server's", () => {
    const fresh = { backendState: "NeedsLogin", profileId: "", controlUrl: "" } as const;
    expect(hinders(fresh, { logsIn: true })).toBeUndefined();
    expect(hinders(fresh)?.code).toBe("LOGGED_OUT");
    const others = { backendState: "NeedsLogin", controlUrl: "https://hs.example" } as const;
    expect(hinders(others, { logsIn: true })?.code).toBe("OTHER_CONTROL");
  });

  test("has its worst problem named first", () => {
    const all = {
      version: "1.2.3",
      tun: false,
      backendState: "Stopped",
      controlUrl: "https://hs.example",
      preferences: { ...facts.preferences, appConnector: true },
    } as const;
    const codes = [
      hinders(all),
      hinders({ ...all, version: "1.102.3" }),
      hinders({ ...all, version: "1.102.3", tun: true }),
      hinders({ ...all, version: "1.102.3", tun: true, controlUrl: required.controlUrl }),
    ];
    expect(codes.map((one) => one?.code)).toEqual(["TOO_OLD", "NO_TUN", "OTHER_CONTROL", "STOPPED"]);
  });
});

describe("what else the owner of a tailscaled is told", () => {
  const announced = (...routes: string[]) => ({ ...facts.preferences, routes });

  test.each([
    ["SHIELDS_UP", { shieldsUp: true }, "--shields-up=false"],
    ["STATEFUL_FILTERING", { statefulFiltering: true }, "--stateful-filtering=false"],
    [
      "MTU_TOO_SMALL",
      { terms: { ...terms, tunnel: { name: "ts0", mtu: 1279 } } },
      "up to 1280 bytes, and the node's tailscaled takes 1279",
    ],
    ["ROUTER_CIDR_IN_USE", { preferences: announced("10.244.1.0/24") }, "announced 10.244.1.0/24"],
    ["ROUTER_CIDR_IN_USE", { preferences: announced("10.244.1.128/25") }, "announced 10.244.1.128/25"],
    [
      "NOT_APPROVED",
      {
        preferences: announced("10.244.1.0/24"),
        record: { routes: ["10.244.1.0/24"], acceptsRoutes: false },
        served: [],
      },
      "does not approve 10.244.1.0/24",
    ],
    ["NO_BOOT_UNIT", { guardedAtBoot: false }, "so no routes are accepted"],
    [
      "NO_BOOT_UNIT",
      {
        guardedAtBoot: false,
        preferences: { ...facts.preferences, acceptsRoutes: true },
        record: { routes: [], acceptsRoutes: true },
      },
      "until the daemon runs others' routes take this node's traffic",
    ],
  ] as const)("%s %j", (code, changes, words) => {
    const found = problems(changes);
    expect(found.map((one) => one.code)).toEqual([code]);
    expect(found[0]?.words).toContain(words);
  });

  test.each([
    [
      "no unit for the boot where its owner accepts routes himself",
      { guardedAtBoot: false, preferences: { ...facts.preferences, acceptsRoutes: true } },
    ],
    [
      "our own prefix",
      { preferences: announced("10.244.1.0/24"), record: { routes: ["10.244.1.0/24"], acceptsRoutes: true } },
    ],
    [
      "what holds it among others",
      { preferences: announced("0.0.0.0/0", "::/0", "10.0.0.0/8", "no prefix") },
    ],
    ["his LAN, which Headscale does not serve", { served: [] }],
    ["an interface that is not there yet", { terms: null }],
    ["a larger interface", { terms: { ...terms, tunnel: { name: "ts0", mtu: 1400 } } }],
  ] as const)("nothing for %s", (_title, changes) => {
    expect(problems(changes)).toEqual([]);
  });

  test("a prefix of one family is enough to be in use", () => {
    const both = { prefixes: ["10.244.1.0/24", "fd00:10:244:1::/64"] };
    expect(problems({ preferences: announced("10.244.1.0/24") }, both)).toMatchObject([
      { code: "ROUTER_CIDR_IN_USE" },
    ]);
  });

  test("nothing for a prefix that is announced and served, or of which that is not known yet", () => {
    const record = { routes: ["10.244.1.0/24"], acceptsRoutes: true };
    const ours = { preferences: announced("10.244.1.0/24"), record };
    expect(problems({ ...ours, served: ["10.244.1.0/24"] })).toEqual([]);
    expect(problems({ ...ours, served: null })).toEqual([]);
  });
});
