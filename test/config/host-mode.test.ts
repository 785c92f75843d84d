import { describe, expect, test } from "vitest";
import { checkHostMode } from "../../src/config/check-host-mode.ts";
import { readCredentials } from "../../src/config/read-credentials.ts";

/** As if these keys were given, with these values. */
function viewOf(given: Readonly<Record<string, unknown>>) {
  const values: Readonly<Record<string, unknown>> = { "headscale.approval": "policy", ...given };
  return {
    get: (path: string) => values[path],
    sourceOf: (path: string) => (path in given ? "config.yaml" : "default"),
  };
}

describe("with the node's own tailscaled", () => {
  const host = { "tailscale.mode": "host" };

  test("keys of how tailscaled is run are refused by name, whatever their value", () => {
    const given = {
      "tailscale.binary": "tailscaled",
      "tailscale.interfaceName": "tailscale0",
      "tailscale.port": 41642,
      "tailscale.linkCIDR": "198.18.0.0/30",
      "tailscale.staticEndpoints": [],
      "tailscale.environment": {},
      "tailscale.hostnamePrefix": "",
    };
    const found = checkHostMode(viewOf({ ...host, ...given }));
    expect(found.map(({ path }) => path)).toEqual(Object.keys(given));
    for (const { source, found: what, wanted } of found) {
      expect([source, what]).toEqual(["config.yaml", "a value"]);
      expect(wanted).toMatch(/^must be left out with tailscale\.mode: host: ./);
    }
  });

  test("its socket may be named, and tags and all else stay what they are", () => {
    const given = {
      "tailscale.socket": "/run/tailscaled.sock",
      "tailscale.bootUnit": false,
      "tailscale.tags": ["tag:k8s-node"],
    };
    expect(checkHostMode(viewOf({ ...host, ...given }))).toEqual([]);
  });

  test("no auth key is needed: its owner may log it in", () => {
    expect(readCredentials(viewOf(host)).problems).toEqual([]);
    expect(readCredentials(viewOf({})).problems).toMatchObject([{ path: "headscale.authKeyFile" }]);
  });

  test("a key that is given must be readable, and approval: api needs its own", () => {
    const gone = { ...host, "headscale.authKeyFile": "/nonexistent/key" };
    expect(readCredentials(viewOf(gone)).problems).toMatchObject([{ path: "headscale.authKeyFile" }]);
    const api = { ...host, "headscale.approval": "api" };
    expect(readCredentials(viewOf(api)).problems).toMatchObject([{ path: "headscale.apiKeyFile" }]);
  });
});

test("with our own tailscaled its keys stand, and no socket of another", () => {
  expect(checkHostMode(viewOf({ "tailscale.port": 41642 }))).toEqual([]);
  expect(checkHostMode(viewOf({ "tailscale.socket": "/run/tailscaled.sock" }))).toEqual([
    {
      path: "tailscale.socket",
      source: "config.yaml",
      found: "a value",
      wanted: "must be left out with tailscale.mode: daemon: our own tailscaled has its own",
    },
  ]);
  expect(checkHostMode(viewOf({ "tailscale.bootUnit": true }))).toMatchObject([
    { path: "tailscale.bootUnit" },
  ]);
});
