import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pageRefusal } from "../../src/cli/inspect/inspect-node.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runWords } from "./run-words.ts";

/** A program's socket that knows the page, or does not. */
async function startDaemonSocket(status: number, asked: string[] = [], name = "http.sock"): Promise<string> {
  const socket = join(temporaryDirectory(), name);
  const server = createServer(({ method, url, headers }, response) => {
    asked.push(`${method} ${url}`);
    response
      .writeHead(status, { "content-type": "text/html" })
      .end(method === "POST" ? '{"until":"2026-01-01T00:00:00.000Z"}' : `page ${url} of ${headers.host}`);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return socket;
}

test("inspect leads a browser to the daemon's socket until Ctrl-C", async () => {
  const socket = await startDaemonSocket(200);
  const stopped = new AbortController();
  const told = Promise.withResolvers<string>();
  const running = runWords(["inspect", "--socket", socket, "-o", "json"], {
    signal: stopped.signal,
    heard: told.resolve,
  });
  const { kind, url } = JSON.parse(await told.promise);
  expect(kind).toBe("Inspect");
  const answer = await fetch(url);
  expect(await answer.text()).toBe(`page /inspect of ${new URL(url).host}`);
  stopped.abort();
  expect((await running).exitCode).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test("inspect switches the inspector on first, for as long as it was asked to", async () => {
  const asked: string[] = [];
  const socket = await startDaemonSocket(200, asked);
  const { exitCode, stdout } = await runWords(["inspect", "--on", "--minutes=7", "--socket", socket]);
  expect(asked).toEqual(["POST /inspect?minutes=7"]);
  expect(stdout).toContain("on until 2026-01-01T00:00:00.000Z");
  expect(exitCode).toBe(0);
});

test.each([
  [405, "monitoring.inspector: true", 4],
  [400, "not switched on (status 400)", 2],
  [503, "not switched on (status 503)", 5],
])("a daemon that answers %i says what to do", async (status, words, exitCode) => {
  const socket = await startDaemonSocket(status);
  expect(await runWords(["inspect", "--socket", socket])).toMatchObject({
    exitCode,
    stderr: expect.stringContaining(words) as string,
  });
});

test.each(["--minutes=500", "--minutes=0", "--minutes=x", "--minutes=500 --node=n1"])(
  "%s is refused by name, and nobody is asked",
  async (words) => {
    const asked: string[] = [];
    const socket = await startDaemonSocket(200, asked);
    expect(await runWords(["inspect", "--on", "--socket", socket, ...words.split(" ")])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--minutes must be a whole number from 1 to 120") as string,
    });
    expect(asked).toEqual([]);
  },
);

test("more than one node is refused before any of them is asked", async () => {
  const folder = temporaryDirectory();
  const exec = { command: "/bin/touch", args: [join(folder, "asked")] };
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "u", user: { exec } }],
    }),
  );
  expect(await runWords(["inspect", "--all-nodes", "--kubeconfig", kubeconfig])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--node NAME") as string,
  });
  expect(await readdir(folder)).toEqual(["kubeconfig"]);
});

test.each([
  [
    "a user who may not",
    "DAEMON_UNREACHABLE",
    "pod headcni/a on n1: 403",
    "403 (it needs a user who may use pods/exec)",
  ],
  [
    "a node that refuses",
    "FAILED",
    "not switched on (status 503)",
    "not switched on (status 503); monitoring",
  ],
])("an inspector that stays off says why: %s", (_, code, message, words) => {
  const { message: told } = pageRefusal("n1", { status: 404, body: "" }, { code, message });
  expect(told).toContain(words);
});

test("inspect --wire asks headcni-wire beside the daemon", async () => {
  const asked: string[] = [];
  const socket = await startDaemonSocket(200, asked, "wire-http.sock");
  const daemon = join(dirname(socket), "http.sock");
  expect(await runWords(["inspect", "--on", "--wire", "--socket", daemon])).toMatchObject({ exitCode: 0 });
  expect(asked).toEqual(["POST /inspect"]);
});

test.each(["x", "70000", "-1"])("port %s is refused", async (port) => {
  const socket = await startDaemonSocket(200);
  expect(await runWords(["inspect", "--socket", socket, `--port=${port}`])).toMatchObject({ exitCode: 2 });
});
