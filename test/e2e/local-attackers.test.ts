import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { daemonGet } from "../lab/daemon-pages.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { inNetns } from "../lab/netns.ts";
import { runResult } from "../lab/run-command.ts";
import { serviceProcess } from "../lab/services.ts";
import { openChromium } from "./support/chromium.ts";
import { idleNobody, reachedByNobody } from "./support/local-user.ts";
import { tcpToSocket } from "./support/tcp-to-socket.ts";
import { useLab } from "./support/use-lab.ts";

/** Two who stand on the node and may do nothing: a user without rights, and a web page in the browser of one who works there. */
const lab = useLab({ nodes: 1, config: { "monitoring.inspector": true, "monitoring.address": "0.0.0.0" } });
const node = (): LabNode => nodeOf(lab(), "n1");
const port = 9797;

/** A request from the node's namespace, or another: the status, 0 without an answer. */
async function statusOf(
  netns: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const script = `
    const { get } = await import("node:http");
    const [url, headers] = process.argv.slice(1);
    get(url, { headers: JSON.parse(headers), agent: false, timeout: 5000 }, (answer) => {
      console.log(answer.statusCode);
      answer.resume();
    }).on("timeout", function () { this.destroy(); }).on("error", () => console.log(0));`;
  const command = [
    process.execPath,
    "--input-type=module",
    "-e",
    script,
    url,
    JSON.stringify(headers),
  ] as const;
  const { stdout } = await runResult(inNetns(netns, [...command]));
  return Number(stdout);
}

describe("an unprivileged local user", () => {
  test("reaches neither tailscaled nor the daemon's sockets, and reads no state", async () => {
    const { tailscaledSocket, cniSocket, httpSocket, runtimeDir, stateDir, folder } = node();
    const closed = [
      tailscaledSocket,
      cniSocket,
      httpSocket,
      `${dirname(httpSocket)}/wire-http.sock`,
      runtimeDir,
      stateDir,
    ];
    // The way there is open: what stops the user is ours.
    expect(await reachedByNobody(node(), [folder, ...closed])).toEqual({
      [folder]: "open",
      ...Object.fromEntries(closed.map((path) => [path, "EACCES"])),
    });
  });

  test("fails no probe with 700 connections that ask for nothing", async () => {
    const before = await serviceProcess(lab(), { name: "daemon", node: "n1" });
    const clients = await idleNobody(node(), port, 700);
    onTestFinished(() => clients.signal("SIGKILL"));
    for (let count = 0; count < 30; count += 1)
      for (const path of ["/healthz", "/ready"])
        expect(await statusOf(node().netns, `http://127.0.0.1:${port}${path}`), `probe ${count}`).toBe(200);
    expect(await serviceProcess(lab(), { name: "daemon", node: "n1" })).toEqual(before);
  });
});

test("monitoring.address opens health, readiness and metrics to the underlay, and nothing else", async () => {
  const there = `http://${node().address}:${port}`;
  for (const path of ["/healthz", "/ready", "/metrics"])
    expect(await statusOf(lab().netns, there + path), path).toBe(200);
  for (const path of [
    "/debug/status",
    "/debug/logs",
    "/debug/machines",
    "/debug/trace",
    "/debug/pprof/",
    "/inspect",
  ]) {
    expect(await statusOf(lab().netns, there + path), path).toBe(403);
    expect(await statusOf(node().netns, `http://127.0.0.1:${port}${path}`), path).toBe(200);
    const rebound = { host: `evil.example:${port}` };
    expect(await statusOf(node().netns, `http://127.0.0.1:${port}${path}`, rebound), path).toBe(403);
  }
});

describe("a web page on another origin", () => {
  const opened: { browser?: Browser; forward?: Awaited<ReturnType<typeof tcpToSocket>> } = {};
  const daemonPort = () => opened.forward?.port ?? 0;

  beforeAll(async () => {
    opened.browser = await openChromium("--host-resolver-rules=MAP *.example 127.0.0.1");
    opened.forward = await tcpToSocket(node().httpSocket);
  }, 600_000);
  afterAll(async () => {
    await opened.browser?.close();
    opened.forward?.close();
  });

  /** A page of that site in a tab of its own. */
  async function visit(body: string) {
    const site = createServer((_request, response) =>
      response.setHeader("content-type", "text/html").end(body),
    );
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void site.close());
    const page = await opened.browser?.newPage();
    if (page === undefined) throw new Error("no browser");
    onTestFinished(() => page.close());
    await page.goto(`http://evil.example:${(site.address() as AddressInfo).port}/`);
    return page;
  }

  test("reads nothing by a name that it lets point to the node", async () => {
    const page = await visit("");
    for (const path of ["/debug/status", "/debug/logs", "/inspect", "/inspect/actor?key=x"]) {
      const answer = await page.goto(`http://evil.example:${daemonPort()}${path}`);
      expect(answer?.status(), path).toBe(403);
      expect(await answer?.text(), path).not.toContain("n1");
    }
  });

  test("reads nothing by the node's own address, starts no profile and switches nothing on", async () => {
    const target = `http://127.0.0.1:${daemonPort()}`;
    const page = await visit("");
    const read =
      await page.evaluate(`Promise.all(["/debug/status", "/debug/logs", "/inspect"].map(async (path) =>
      await fetch("${target}" + path).then((answer) => answer.text(), () => "nothing")))`);
    expect(read).toEqual(["nothing", "nothing", "nothing"]);
    // Requests that no page may read are sent all the same.
    const sent = await page.evaluate(`Promise.all([
      fetch("${target}/debug/pprof/profile?seconds=60", { mode: "no-cors" }),
      fetch("${target}/inspect?minutes=120", { mode: "no-cors", method: "POST" }),
      new Promise((resolve) => { const image = new Image(); image.onerror = image.onload = () => resolve({ type: "opaque" }); image.src = "${target}/debug/pprof/heap?seconds=60"; }),
    ]).then((answers) => answers.map(({ type }) => type))`);
    expect(sent).toEqual(["opaque", "opaque", "opaque"]);
    // One profile at a time: one that the page had started would be in the way.
    expect(await daemonGet(node(), "/debug/pprof/profile?seconds=1")).toMatchObject({ status: 200 });
  });
});
