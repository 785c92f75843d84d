import { expect, onTestFinished, test, vi } from "vitest";
import { type InspectorSwitch, openInspector } from "../../../src/observe/inspector/open-inspector.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { redactLine } from "../../../src/observe/logs/redaction.ts";
import { openHttpServer } from "../../../src/observe/pages/http-server.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { observedSystem } from "../observed-system.ts";

/** An inspector that is off, of machines that run already, with its pages. */
async function served(idleMs?: number) {
  const holder: { inspector?: InspectorSwitch } = {};
  const system = observedSystem({ inspect: (event) => holder.inspector?.inspect(event) });
  const lines: string[] = [];
  const inspector = await openInspector({
    node: "n1",
    log: createLogger({ level: "info", base: {}, destination: { write: (line) => lines.push(line) } }).log,
    redact: (line) => redactLine(line, []),
    machines: system.observer,
    always: false,
    ...(idleMs !== undefined && { idleMs }),
  });
  holder.inspector = inspector;
  const server = await openHttpServer(
    {
      health: () => ({ alive: true, reasons: [] }),
      metrics: async () => ({ contentType: "text/plain", body: "" }),
      machines: () => ({ machines: [], recentTransitions: [] }),
    },
    { port: 0, socketPath: `${temporaryDirectory()}/http.sock`, handler: inspector.handler },
  );
  onTestFinished(async () => {
    inspector.close();
    await server.close();
  });
  const get = (path: string, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, signal ? { signal } : {});
  const on = (query = "") => inspector.switchOn(new URL(`http://localhost/inspect${query}`));
  return { ...system, inspector, get, on, lines };
}

/** The first frame of a stream. */
async function baselineOf(response: Response): Promise<{ actors: { machine: string; state: string }[] }> {
  const reader = response.body?.getReader();
  let text = "";
  while (!text.includes("\n\n")) text += new TextDecoder().decode((await reader?.read())?.value);
  return JSON.parse(text.slice("data: ".length, text.indexOf("\n\n")));
}

test("switched on late it shows every machine that runs, in its state", async () => {
  const { get, on, observer } = await served();
  expect((await get("/inspect")).status).toBe(404);
  expect((await on()).status).toBe(200);
  expect((await get("/inspect")).status).toBe(200);
  const watching = new AbortController();
  const { actors } = await baselineOf(await get("/inspect/stream", watching.signal));
  const live = [...observer.live()].map(({ kind, state }) => ({ machine: kind.name, state: state.name }));
  expect(live.length).toBeGreaterThan(0);
  expect(actors.map(({ machine, state }) => ({ machine, state }))).toEqual(live);
  watching.abort();
});

test("it goes off some time after its last viewer left, and not while one watches", async () => {
  const { get, on, lines } = await served(300);
  await on();
  const watching = new AbortController();
  await baselineOf(await get("/inspect/stream", watching.signal));
  // Twice as long as it would stay without a viewer.
  const seen = performance.now();
  await until(() => performance.now() - seen > 600, "the time to go by");
  expect((await get("/inspect")).status).toBe(200);
  watching.abort();
  await until(() => lines.some((line) => line.includes("nobody watches")), "the end");
  expect((await get("/inspect")).status).toBe(404);
});

test("switched on again without a viewer, it stays as long as it does the first time", async () => {
  const { on, lines } = await served(300);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  for (const _ of [1, 2, 3]) {
    await on();
    vi.advanceTimersByTime(200);
    expect(lines.join("")).not.toContain("switched off");
  }
  vi.advanceTimersByTime(101);
  expect(lines.join("")).toContain("nobody watches");
});

test("switched on again under a viewer's eyes, it stays on", async () => {
  const { get, on, lines } = await served(300);
  await on();
  const watching = new AbortController();
  await baselineOf(await get("/inspect/stream", watching.signal));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  await on();
  vi.advanceTimersByTime(600);
  expect(lines.join("")).not.toContain("switched off");
  vi.useRealTimers();
  expect((await get("/inspect")).status).toBe(200);
  watching.abort();
});

test("it goes off at its time at the latest, also under a viewer's eyes, and can be switched on again", async () => {
  const { get, on, inspector, lines } = await served();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  await on("?minutes=1");
  vi.advanceTimersByTime(59_000);
  expect(lines.join("")).not.toContain("switched off");
  vi.advanceTimersByTime(1_001);
  expect(lines.join("")).toContain("its time is over");
  vi.useRealTimers();
  expect((await get("/inspect")).status).toBe(404);
  await on();
  expect((await get("/inspect")).status).toBe(200);
  inspector.close();
});

test.each(["0", "121", "1.5", "x", ""])("minutes=%s is refused by name", async (minutes) => {
  const { on } = await served();
  expect(await on(`?minutes=${minutes}`)).toMatchObject({
    status: 400,
    body: expect.stringContaining("from 1 to 120") as string,
  });
});
