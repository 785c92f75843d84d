import { mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { createCniExchanges } from "../../../src/adapters/unix-socket/cni-exchanges.ts";
import type { CniReply, CniRequest } from "../../../src/protocol/cni-protocol.ts";
import { servingFile, spoolDirectory, spoolFileName } from "../../../src/protocol/runtime-files.ts";
import { cniClient, exchange } from "../../support/cni-client.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const done: CniReply = { wire: 1, ok: true };
const failed: CniReply = { wire: 1, ok: false, error: { code: 11, msg: "later", details: "" } };

/** An open socket whose calls are answered by `answer`; undefined leaves them open. */
async function openSocket(
  options: {
    answer?: (request: CniRequest) => CniReply | undefined;
    idleMs?: number;
    maxConnections?: number;
    roundMs?: number;
  } = {},
  runtimeDir = temporaryDirectory(),
) {
  const received: { id: string; request: CniRequest }[] = [];
  const closed: string[] = [];
  const rejected: string[] = [];
  const { answer = () => done, ...limits } = options;
  const exchanges = createCniExchanges({
    runtimeDir,
    rejected: (where, { code }) => rejected.push(`${where} ${code}`),
    ...limits,
  });
  const socket = await exchanges.open({
    received(id, request) {
      received.push({ id, request });
      const reply = answer(request);
      if (reply !== undefined) socket.reply(id, reply);
    },
    closed: (id) => closed.push(id),
    failed: () => undefined,
  });
  onTestFinished(() => socket.close());
  return { exchanges, socket, received, closed, rejected, runtimeDir, path: join(runtimeDir, "cni.sock") };
}

/** What the plugin does when it meets no daemon (cni/spool.ts). */
function spool(runtimeDir: string, request: CniRequest): string {
  const directory = spoolDirectory(runtimeDir);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, ".new"), JSON.stringify(request));
  const path = join(directory, spoolFileName(request.containerId, request.ifname));
  renameSync(join(directory, ".new"), path);
  return path;
}

const spooled = (runtimeDir: string) => readdirSync(spoolDirectory(runtimeDir));

describe("the CNI socket", () => {
  test("hands on a request and writes its answer, then ends", async () => {
    const { path, received } = await openSocket();
    expect(await exchange(path, cniRequest("DEL", "c1"))).toEqual(done);
    expect(received).toMatchObject([{ request: { command: "DEL", containerId: "c1" } }]);
  });

  test("is private: mode 0600 in a directory of mode 0700", async () => {
    const runtimeDir = join(temporaryDirectory(), "run");
    const { path } = await openSocket({}, runtimeDir);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(runtimeDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(runtimeDir).sort()).toEqual(["cni.sock", "deleted", "serving"]);
  });

  test("takes a frame in pieces, byte by byte", async () => {
    const { path } = await openSocket();
    const client = cniClient(path);
    for (const byte of Buffer.from(`${JSON.stringify(cniRequest("DEL", "c1"))}\n`)) {
      client.send(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect(await client.reply()).toEqual(done);
  });

  test("gives 100 exchanges at once different ids and each its own answer", async () => {
    const { path, received } = await openSocket({
      answer: ({ containerId }) => ({
        wire: 1,
        ok: false,
        error: { code: 11, msg: containerId, details: "" },
      }),
    });
    const ids = Array.from({ length: 100 }, (_, index) => `c${index}`);
    const replies = await Promise.all(ids.map((id) => exchange(path, cniRequest("DEL", id))));
    expect(replies.map((reply) => !reply.ok && reply.error.msg)).toEqual(ids);
    expect(new Set(received.map(({ id }) => id)).size).toBe(100);
  });

  test("tells when a client goes away before its answer, and only then", async () => {
    const { path, received, closed } = await openSocket({
      answer: ({ containerId }) => (containerId === "answered" ? done : undefined),
    });
    await exchange(path, cniRequest("DEL", "answered"));
    const client = cniClient(path);
    client.send(`${JSON.stringify(cniRequest("ADD", "c1"))}\n`);
    await until(() => received.length === 2, "the request");
    client.leave();
    await until(() => closed.length > 0, "the end");
    expect(closed).toEqual([received[1]?.id]);
  });

  test.each([
    ["garbage", "GET / HTTP/1.1\n", 6],
    ["an empty line", "\n", 6],
    ["bytes that are not UTF-8", Buffer.from([0xff, 0xfe, 0x0a]), 6],
    ["another protocol version", `${JSON.stringify({ ...cniRequest("DEL", "c1"), wire: 2 })}\n`, 1],
    ["an unknown command", '{"wire":1,"command":"EAT"}\n', 4],
    ["a frame without end", "x".repeat(1_100_000), 6],
  ])("answers %s with its code and ends", async (_, bytes, code) => {
    const { path, received, rejected } = await openSocket();
    const client = cniClient(path);
    client.send(bytes);
    expect(await client.reply()).toMatchObject({ ok: false, error: { code } });
    expect(received).toEqual([]);
    expect(rejected).toHaveLength(1);
  });

  test("survives any bytes, and still serves", async () => {
    const { path } = await openSocket({ idleMs: 50 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const client = cniClient(path);
        client.send(bytes);
        client.send("\n");
        const text = await client.ended.catch(() => "");
        expect(text === "" || JSON.parse(text).ok === false).toBe(true);
      }),
      { numRuns: 50 },
    );
    expect(await exchange(path, cniRequest("DEL", "c1"))).toEqual(done);
  });

  test("ends a connection that says nothing, but not one that waits for its answer", async () => {
    const { path, socket, received } = await openSocket({ idleMs: 30, answer: () => undefined });
    const silent = cniClient(path);
    const waiting = cniClient(path);
    waiting.send(`${JSON.stringify(cniRequest("ADD", "c1"))}\n`);
    expect(await silent.ended).toBe("");
    const again = cniClient(path);
    expect(await again.ended).toBe("");
    socket.reply(received[0]?.id ?? "", done);
    expect(await waiting.reply()).toEqual(done);
  });

  test("turns away a connection too many with code 11 and serves again afterwards", async () => {
    const { path } = await openSocket({ maxConnections: 2 });
    const clients = [cniClient(path), cniClient(path)];
    await Promise.all(clients.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
    expect(await cniClient(path).reply()).toMatchObject({ ok: false, error: { code: 11 } });
    for (const client of clients) client.leave();
    await until(async () => (await exchange(path, cniRequest("DEL", "c1"))).ok, "room");
  });

  test("forgets those that it turned away, also when nobody reads what they sent", async () => {
    const { path } = await openSocket({ maxConnections: 1 });
    const first = cniClient(path);
    await new Promise((resolve) => first.socket.once("connect", resolve));
    for (let index = 0; index < 3; index += 1)
      expect(await exchange(path, cniRequest("DEL", `c${index}`))).toMatchObject({ ok: false });
    first.leave();
    await until(async () => (await exchange(path, cniRequest("DEL", "c9"))).ok, "room");
  });

  test("replaces a socket on which nobody answers, and a file that is none", async () => {
    const runtimeDir = temporaryDirectory();
    writeFileSync(join(runtimeDir, "cni.sock"), "");
    const { path } = await openSocket({}, runtimeDir);
    expect(await exchange(path, cniRequest("DEL", "c1"))).toEqual(done);
    const other = temporaryDirectory();
    const stale = createServer();
    await new Promise<void>((resolve) => stale.listen(join(other, "dead.sock"), resolve));
    renameSync(join(other, "dead.sock"), join(other, "cni.sock"));
    await new Promise((resolve) => stale.close(resolve));
    const replaced = await openSocket({}, other);
    expect(await exchange(replaced.path, cniRequest("DEL", "c1"))).toEqual(done);
  });

  test("refuses to take the socket of a daemon that answers", async () => {
    const { runtimeDir, path } = await openSocket();
    await expect(openSocket({}, runtimeDir)).rejects.toMatchObject({ detail: { code: "SOCKET_IN_USE" } });
    expect(await exchange(path, cniRequest("DEL", "c1"))).toEqual(done);
  });

  test("names the path when it cannot listen", async () => {
    const runtimeDir = join(temporaryDirectory(), "x".repeat(120));
    await expect(openSocket({}, runtimeDir)).rejects.toMatchObject({ detail: { code: "SOCKET_FAILED" } });
  });

  test("stops accepting, answers what is open, and leaves no socket behind", async () => {
    const { path, socket, received, runtimeDir } = await openSocket({ answer: () => undefined });
    const client = cniClient(path);
    client.send(`${JSON.stringify(cniRequest("ADD", "c1"))}\n`);
    await until(() => received.length === 1, "the request");
    socket.stopAccepting();
    await expect(exchange(path, cniRequest("DEL", "c2"))).rejects.toMatchObject({ code: "ENOENT" });
    socket.reply(received[0]?.id ?? "", done);
    socket.close();
    expect(await client.reply()).toEqual(done);
    expect(readdirSync(runtimeDir)).not.toContain("cni.sock");
  });

  test("closing cuts off what was not answered", async () => {
    const { path, socket, received } = await openSocket({ answer: () => undefined });
    const client = cniClient(path);
    client.send(`${JSON.stringify(cniRequest("ADD", "c1"))}\n`);
    await until(() => received.length === 1, "the request");
    socket.close();
    expect(await client.ended.catch(() => "")).toBe("");
  });

  test("an old daemon that ends late does not remove the socket of the new one", async () => {
    const old = await openSocket();
    renameSync(old.path, `${old.path}.old`);
    const fresh = await openSocket({}, old.runtimeDir);
    old.socket.close();
    expect(await exchange(fresh.path, cniRequest("DEL", "c1"))).toEqual(done);
  });

  test("keeps the serving file young while it serves", async () => {
    const { runtimeDir } = await openSocket({ roundMs: 5 });
    utimesSync(servingFile(runtimeDir), 0, 0);
    await until(() => Date.now() - statSync(servingFile(runtimeDir)).mtimeMs < 60_000, "a touch");
  });
});

describe("the spool of DELs", () => {
  test("is done at start, and each file goes only after its DEL succeeded", async () => {
    const runtimeDir = temporaryDirectory();
    spool(runtimeDir, cniRequest("DEL", "good"));
    spool(runtimeDir, cniRequest("DEL", "bad"));
    const { received } = await openSocket(
      { answer: ({ containerId }) => (containerId === "good" ? done : failed) },
      runtimeDir,
    );
    await until(() => received.length === 2, "the DELs");
    expect(spooled(runtimeDir)).toEqual(["bad:eth0"]);
  });

  test("is watched: a DEL that is put on record later is done too", async () => {
    const { received, runtimeDir } = await openSocket();
    spool(runtimeDir, cniRequest("DEL", "c1"));
    await until(() => received.length === 1, "the DEL");
    await until(() => spooled(runtimeDir).length === 0, "the file to go");
  });

  test("a failed DEL is tried again in the next round", async () => {
    let tries = 0;
    const answer = () => {
      tries += 1;
      return tries < 3 ? failed : done;
    };
    const runtimeDir = temporaryDirectory();
    spool(runtimeDir, cniRequest("DEL", "c1"));
    await openSocket({ answer, roundMs: 5 }, runtimeDir);
    await until(() => spooled(runtimeDir).length === 0, "the third try");
    expect(tries).toBe(3);
  });

  test("a DEL under way is not handed out twice", async () => {
    const runtimeDir = temporaryDirectory();
    spool(runtimeDir, cniRequest("DEL", "c1"));
    const { received, socket } = await openSocket({ answer: () => undefined, roundMs: 2 }, runtimeDir);
    await until(() => received.length > 0, "the DEL");
    const young = () => Date.now() - statSync(servingFile(runtimeDir)).mtimeMs < 1_000;
    utimesSync(servingFile(runtimeDir), 0, 0);
    await until(young, "a round");
    expect(received).toHaveLength(1);
    socket.reply(received[0]?.id ?? "", done);
    expect(spooled(runtimeDir)).toEqual([]);
  });

  test("an ADD drops the DEL of its key that came before it, and no other", async () => {
    const runtimeDir = temporaryDirectory();
    const { path } = await openSocket(
      { answer: ({ command }) => (command === "ADD" ? done : failed) },
      runtimeDir,
    );
    spool(runtimeDir, cniRequest("DEL", "c1"));
    spool(runtimeDir, cniRequest("DEL", "c2"));
    await exchange(path, cniRequest("ADD", "c1"));
    expect(spooled(runtimeDir)).toEqual(["c2:eth0"]);
  });

  test("a newer DEL of the same key outlives the success of the older one", async () => {
    const runtimeDir = temporaryDirectory();
    spool(runtimeDir, cniRequest("DEL", "c1"));
    const { received, socket } = await openSocket({ answer: () => undefined }, runtimeDir);
    await until(() => received.length === 1, "the DEL");
    spool(runtimeDir, cniRequest("DEL", "c1"));
    socket.reply(received[0]?.id ?? "", done);
    expect(spooled(runtimeDir)).toEqual(["c1:eth0"]);
  });

  test("files that hold no DEL are removed and told, unfinished ones are left alone", async () => {
    const runtimeDir = temporaryDirectory();
    const directory = spoolDirectory(runtimeDir);
    mkdirSync(directory);
    writeFileSync(join(directory, "c1:eth0"), "not JSON");
    writeFileSync(join(directory, "c2:eth0"), JSON.stringify(cniRequest("ADD", "c2")));
    writeFileSync(join(directory, ".new"), "{");
    mkdirSync(join(directory, "c3:eth0"));
    const { rejected, received } = await openSocket({}, runtimeDir);
    await until(() => rejected.length >= 3, "the refusals");
    expect(rejected.slice(0, 3)).toEqual(["deleted/c1:eth0 6", "deleted/c2:eth0 4", "deleted/c3:eth0 5"]);
    expect(received).toEqual([]);
    expect(spooled(runtimeDir).sort()).toEqual([".new", "c3:eth0"]);
  });
});
