import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { readBootUnit } from "../../../../src/adapters/systemd/read-boot-unit.ts";
import { type ReadOwnerOptions, readOwner } from "../../../../src/cli/doctor/read/read-owner.ts";
import { runtimePaths } from "../../../../src/config/runtime-paths.ts";
import { standInTailscaled } from "../../../adapters/owner/stand-in.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const { signal } = new AbortController();
let folder: string;
let tailscaled: Awaited<ReturnType<typeof standInTailscaled>>;

beforeEach(async () => {
  folder = temporaryDirectory();
  tailscaled = await standInTailscaled(join(folder, "t.sock"));
});
afterEach(() => tailscaled.close());

const look = (changes: Partial<ReadOwnerOptions> = {}, ends = signal) =>
  readOwner(
    {
      socket: join(folder, "t.sock"),
      ownerProfiles: join(folder, "owner-profiles.json"),
      links: [{ name: "ts9", mtu: 1200, addresses: ["100.64.0.7"] }],
      authKey: () => ({ fault: "no key" }),
      guardedAtBoot: true,
      ...changes,
    },
    ends,
  );
const read = async (changes: Partial<ReadOwnerOptions> = {}) => {
  const found = await look(changes);
  if ("unknown" in found) throw new Error(found.unknown);
  return found.value;
};

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
  expect((await read({ authKey: () => ({ key: "hskey-auth-x" }) })).logsIn).toBe(true);
});

/** Listens and does with each connection what it is told. */
async function listens(path: string, each: (socket: Socket) => void = () => undefined) {
  const server = createServer(each).listen(path);
  await once(server, "listening");
  onTestFinished(() => void server.close());
}

describe("what keeps doctor from looking is told by its kind", () => {
  test("no socket, and one on which nobody listens", async () => {
    const socket = join(folder, "other.sock");
    expect(await look({ socket })).toMatchObject({ fault: "NO_SOCKET" });
    const script = `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    await once(spawn(process.execPath, ["-e", script]), "exit");
    expect(await look({ socket })).toEqual({
      fault: "NOBODY_LISTENS",
      unknown: `tailscaled does not answer on ${socket}: ECONNREFUSED`,
    });
  });

  test("silence", async () => {
    const socket = join(folder, "silent.sock");
    await listens(socket);
    expect(await look({ socket }, AbortSignal.timeout(50))).toMatchObject({ fault: "SILENT" });
  });

  test.each([
    ["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "FORBIDDEN"],
    ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "TOO_OLD"],
    ["HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "REFUSED"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "UNREADABLE"],
    ["SSH-2.0-OpenSSH_9.2\r\n", "UNREADABLE"],
  ])("the answer %j as %s", async (answer, fault) => {
    const socket = join(folder, "other.sock");
    await listens(socket, (one) => one.on("error", () => undefined).once("data", () => one.end(answer)));
    expect(await look({ socket })).toMatchObject({ fault });
  });

  test("records of ours that cannot be read", async () => {
    await writeFile(join(folder, "owner-profiles.json"), "{");
    expect(await look()).toMatchObject({ fault: "RECORDS_UNREADABLE" });
  });
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
