import { mkdtempSync, rmSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createInspector, type Inspector } from "../../../src/observe/inspector/inspector.ts";
import { redactLine } from "../../../src/observe/logs/redaction.ts";
import { type HttpServer, openHttpServer } from "../../../src/observe/pages/http-server.ts";
import { observedSystem } from "../observed-system.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of opened.splice(0)) await part.close();
});

async function served(address = "127.0.0.1") {
  const holder: { inspector?: Inspector } = {};
  const system = observedSystem({ inspect: (event) => holder.inspector?.inspect(event) });
  const inspector = createInspector(
    {
      daemon: { node: "n1", version: "0", pid: 1 },
      machines: system.observer,
      redact: (line) => redactLine(line, []),
      broke: (error) => {
        throw error;
      },
    },
    { "/inspect": { contentType: "text/html; charset=utf-8", body: "<html></html>" } },
  );
  holder.inspector = inspector;
  const folder = mkdtempSync(join(tmpdir(), "headcni-inspect-"));
  const socketPath = join(folder, "http.sock");
  const server: HttpServer = await openHttpServer(
    {
      health: () => ({ alive: true, reasons: [] }),
      readiness: () => ({ serving: true, state: "proven", reasons: [] }),
      metrics: async () => ({ contentType: "text/plain", body: "" }),
      machines: () => ({ machines: [], recentTransitions: [] }),
    },
    { address, port: 0, socketPath, handler: inspector.handler },
  );
  opened.push(inspector, server, { close: () => rmSync(folder, { recursive: true, force: true }) });
  const open = (path: string, options: object = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: "127.0.0.1", port: server.port, path, agent: false, ...options }, resolve).on(
        "error",
        reject,
      );
    });
  return { ...system, socketPath, open };
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}

/** Reads a stream until it has sent a line that satisfies. */
async function readUntil(message: IncomingMessage, satisfies: (text: string) => boolean): Promise<string> {
  let text = "";
  for await (const chunk of message) {
    text += String(chunk);
    if (satisfies(text)) break;
  }
  return text;
}

test("the page comes with a policy that lets it load nothing from elsewhere", async () => {
  const { open } = await served();
  const page = await open("/inspect");
  expect(page.statusCode).toBe(200);
  expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
});

test("a stream tells a transition, over TCP and over the unix socket", async () => {
  const { open, socketPath, spawn } = await served();
  for (const options of [{}, { socketPath, host: undefined }]) {
    const stream = await open("/inspect/stream", options);
    expect(stream.headers["content-type"]).toContain("text/event-stream");
    const name = `child-${Object.keys(options).length}`;
    const told = readUntil(stream, (text) => text.includes('"delta"') && text.includes(name));
    spawn(name);
    expect(await told).toContain('"baseline"');
  }
});

test("a machine's context is shown without its secrets; one that ended is not found", async () => {
  const { open, spawn, root } = await served();
  spawn("a");
  const ref = root.getSnapshot().context.refs["a"];
  const answer = await textOf(await open(`/inspect/actor?key=${ref?.sessionId}`));
  expect(JSON.parse(answer)).toMatchObject({
    context: { key: "key of a", token: "hskey-auth-[redacted]" },
    effects: [],
  });
  expect((await open("/inspect/actor?key=x:999")).statusCode).toBe(404);
});

test("a fifth viewer is told that there are enough", async () => {
  const { open } = await served();
  for (let viewer = 0; viewer < 4; viewer += 1) expect((await open("/inspect/stream")).statusCode).toBe(200);
  const refused = await open("/inspect/stream");
  expect(refused.statusCode).toBe(503);
  expect(JSON.parse(await textOf(refused)).error).toContain("4 viewers");
});

test("unknown files below the page are not found, and other pages stay", async () => {
  const { open } = await served();
  expect((await open("/inspect/../etc/passwd")).statusCode).toBe(404);
  expect((await open("/inspect/nothing")).statusCode).toBe(404);
  expect((await open("/healthz")).statusCode).toBe(200);
});
