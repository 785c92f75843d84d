import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readBootUnit } from "../../../src/adapters/doctor/read-boot-unit.ts";
import { readOwner } from "../../../src/adapters/doctor/read-owner.ts";
import { runtimePaths } from "../../../src/runtime-paths.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { standInTailscaled } from "../owner/stand-in.ts";

const { signal } = new AbortController();
let folder: string;
let tailscaled: Awaited<ReturnType<typeof standInTailscaled>>;

beforeEach(async () => {
  folder = temporaryDirectory();
  tailscaled = await standInTailscaled(join(folder, "t.sock"));
});
afterEach(() => tailscaled.close());

const read = (key: { key: string } | { fault: string } = { fault: "no key" }) =>
  readOwner(
    {
      socket: join(folder, "t.sock"),
      ownerProfiles: join(folder, "owner-profiles.json"),
      links: [{ name: "ts9", mtu: 1200, addresses: ["100.64.0.7"] }],
      authKey: () => key,
    },
    signal,
  );

test("doctor sees what the owner made of tailscaled, and changes and writes nothing", async () => {
  tailscaled.state.prefs["a1b2"] = {
    ...tailscaled.state.prefs["a1b2"],
    ExitNodeID: "n1",
    ExitNodeAllowLANAccess: true,
  };
  const found = await read();
  expect(found).toMatchObject({ exitNode: "allButLan", netfilter: "on", logsIn: false });
  expect(found.facts).toMatchObject({
    version: "1.102.3-tabc",
    profileId: "a1b2",
    preferences: { routes: ["192.168.7.0/24"] },
    served: ["10.244.1.0/24"],
    terms: { tunnel: { name: "ts9", mtu: 1200 } },
  });
  expect(tailscaled.edits).toEqual([]);
  expect(await readdir(folder)).toEqual(["t.sock"]);
});

test("what HeadCNI added counts as ours as long as it is there", async () => {
  const record = { routes: ["192.168.7.0/24", "10.244.1.0/24"], acceptsRoutes: true };
  const file = join(folder, "owner-profiles.json");
  await writeFile(file, JSON.stringify({ version: 1, profiles: { a1b2: record } }));
  expect((await read()).facts.record).toEqual({ routes: ["192.168.7.0/24"], acceptsRoutes: false });
});

test("the policy knows the node by its tags, else by its user", async () => {
  const { state } = tailscaled;
  expect((await read()).identity).toEqual({ tags: [], user: "" });
  state.status = {
    ...state.status,
    Self: { ...(state.status["Self"] as object), UserID: 7 },
    User: { 7: { LoginName: "alice@example.com" } },
  };
  expect((await read()).identity).toEqual({ tags: [], user: "alice@example.com" });
  state.status = { ...state.status, Self: { ...(state.status["Self"] as object), Tags: ["tag:home"] } };
  expect((await read()).identity.tags).toEqual(["tag:home"]);
});

test("with a key a tailscaled that is logged out is logged in", async () => {
  expect((await read({ key: "hskey-auth-x" })).logsIn).toBe(true);
});

test("whether something loads the rules at boot shows in the state directory where the node's units do not", async () => {
  const { bootProgram, ownerTerms } = runtimePaths({ runtimeDir: folder, stateDir: folder });
  const found = () => readBootUnit({ bootProgram, ownerTerms });
  expect(await found()).toBe("noState");
  await writeFile(join(folder, "owner-terms.json"), "{}");
  expect(await found()).toBe("absent");
  // The disk was full, or the node went down in the middle of it.
  await mkdir(join(folder, "boot", "0123456789ab.new"), { recursive: true });
  expect(await found()).toBe("absent");
  await mkdir(join(folder, "boot", "0123456789ab"), { recursive: true });
  expect(await found()).toBe("installed");
});
