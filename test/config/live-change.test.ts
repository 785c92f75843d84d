import { afterAll, describe, expect, test } from "vitest";
import { liveChange } from "../../src/config/live-change.ts";
import { createSecret } from "../../src/config/secret.ts";
import { openConfigDirectory } from "./config-fixture.ts";

const directory = openConfigDirectory();
afterAll(() => directory[Symbol.dispose]());
const { load, minimal } = directory;

describe("a changed configuration", () => {
  test("that says the same changes nothing", () => {
    const previous = load(minimal());
    expect(liveChange(previous, load(minimal("# a comment")))).toEqual({
      config: previous,
      changes: [],
      refused: [],
    });
  });

  test("applies live keys, and keeps the others with the reason", () => {
    const previous = load(minimal());
    const next = load(
      minimal(
        "logging: { level: debug }",
        "ipam: { restSeconds: 5, strategy: dense }",
        "readiness: { routeProof: off }",
      ),
    );
    const { config, changes, refused } = liveChange(previous, next);
    expect(changes).toEqual([
      { path: "ipam.restSeconds", from: "30", to: "5" },
      { path: "readiness.routeProof", from: '"required"', to: '"off"' },
      { path: "logging.level", from: '"info"', to: '"debug"' },
    ]);
    expect(refused).toEqual([
      {
        path: "ipam.strategy",
        from: '"sequential"',
        to: '"dense"',
        because: "the address pool is built once",
      },
    ]);
    expect(config.ipam).toEqual({ strategy: "sequential", restSeconds: 5 });
    expect(config.logging.level).toBe("debug");
    expect(previous.logging.level).toBe("info");
  });

  test("takes new secrets from unchanged paths, without showing them", () => {
    const content = minimal().replace(
      "authKeyFile",
      `approval: api, apiKeyFile: ${directory.apiKeyFile}, authKeyFile`,
    );
    const previous = load(content);
    directory.write("auth-key", "hskey-auth-new-newnewnew");
    directory.write("api-key", "hskey-api-new-newnewnew");
    const result = liveChange(previous, load(content));
    expect(result.changes.map(({ path }) => path)).toEqual(["headscale.authKey", "headscale.apiKey"]);
    expect(JSON.stringify(result)).not.toContain("newnewnew");
    expect(result.config.headscale.authKey?.reveal()).toBe("hskey-auth-new-newnewnew");
    expect(result.config.headscale.apiKey?.reveal()).toBe("hskey-api-new-newnewnew");
  });

  test("says of an API key that nobody uses nothing, and of one that came or went what it is", () => {
    const previous = load(minimal());
    const next = { ...previous, headscale: { ...previous.headscale, apiKey: createSecret("k") } };
    expect(liveChange(previous, next)).toEqual({ config: previous, changes: [], refused: [] });
  });

  test("does not move the key of a login to Headscale or away from it", () => {
    const own = minimal().replace(
      "authKeyFile",
      `approval: api, apiKeyFile: ${directory.apiKeyFile}, authKeyFile`,
    );
    const made = own.replace(/, authKeyFile: [^ ,}]+/, "");
    const previous = load(own);
    const { config, changes, refused } = liveChange(previous, load(made));
    expect(changes).toEqual([]);
    expect(refused).toMatchObject([
      { path: "headscale.authKey" },
      {
        path: "headscale.authKeyFile",
        because: "it decides who logs the node in, with which key",
      },
    ]);
    expect(config).toBe(previous);
  });

  test("does not take a login from the owner of the node's tailscaled or give it back", () => {
    const loaded = load(minimal());
    const previous = { ...loaded, tailscale: { ...loaded.tailscale, mode: "host" as const } };
    const { authKey: _, authKeyFile: __, ...headscale } = previous.headscale;
    const { changes, refused } = liveChange(previous, { ...previous, headscale });
    expect(changes).toEqual([]);
    expect(refused.map(({ path }) => path)).toEqual(["headscale.authKey", "headscale.authKeyFile"]);
  });
});
