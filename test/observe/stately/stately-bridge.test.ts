import { once } from "node:events";
import { createServer } from "node:net";
import { createWebSocketReceiver, type StatelyInspectionEvent } from "@statelyai/inspect";
import { createInspectorServer } from "@statelyai/inspect/server";
import { afterEach, expect, test } from "vitest";
import { redactLine } from "../../../src/observe/logs/redaction.ts";
import { createStatelyBridge, type StatelyBridge } from "../../../src/observe/stately/stately-bridge.ts";
import { until } from "../../support/until.ts";
import { observedSystem } from "../observed-system.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A running system, bridged to the package's own server, and what the package's own receiver gets from there. */
async function bridged(port: number) {
  const holder: { bridge?: StatelyBridge } = {};
  const system = observedSystem({ inspect: (event) => holder.bridge?.inspect(event) });
  const warnings: string[] = [];
  const bridge = createStatelyBridge({
    url: `ws://127.0.0.1:${port}`,
    machines: system.observer,
    redact: (line) => redactLine(line, []),
    warn: (_, text) => warnings.push(text),
    retryMs: 50,
  });
  holder.bridge = bridge;
  opened.push(() => bridge.close());
  return { ...system, warnings };
}

function serve(port: number): StatelyInspectionEvent[] {
  const server = createInspectorServer({ port, autoOpen: false });
  opened.push(() => server.stop());
  const received: StatelyInspectionEvent[] = [];
  createWebSocketReceiver({ server: `ws://127.0.0.1:${port}` }).subscribe((event) => received.push(event));
  return received;
}

const names = (events: readonly StatelyInspectionEvent[]) =>
  events.flatMap((event) => (event.type === "@xstate.actor" ? [event.name] : []));

test("introduces the machines that run, then tells events and states, without keys", async () => {
  const port = await freePort();
  const received = serve(port);
  const { spawn, tell } = await bridged(port);
  await until(() => names(received).includes("daemon"), "the root is introduced", 30_000);
  spawn("a");
  tell("a", "go");
  await until(
    () =>
      received.some(
        (event) => event.type === "@xstate.snapshot" && event.snapshot && stateOf(event) === "working",
      ),
    "the state is told",
    30_000,
  );
  const child = received.find((event) => event.type === "@xstate.actor" && event.name === "a");
  const root = received.find((event) => event.type === "@xstate.actor" && event.name === "daemon");
  expect(child).toMatchObject({ parentId: root?.sessionId, rootId: root?.sessionId, _version: "0.7.2" });
  const definition = child?.type === "@xstate.actor" ? JSON.parse(child.definition ?? "") : undefined;
  expect(Object.keys(definition.states)).toContain("working");
  expect(received).toContainEqual(
    expect.objectContaining({ type: "@xstate.event", event: { type: "go" }, sessionId: child?.sessionId }),
  );
  expect(JSON.stringify(received)).not.toContain("context-secret");
});

test("a server that comes later, or again, gets to know everything that runs", async () => {
  const port = await freePort();
  const { spawn, warnings } = await bridged(port);
  spawn("early");
  await until(() => warnings.length > 0, "the loss is told", 30_000);
  const received = serve(port);
  await until(() => names(received).includes("early"), "the machine is introduced", 30_000);
  expect(warnings).toHaveLength(1);
});

function stateOf({ snapshot }: Extract<StatelyInspectionEvent, { type: "@xstate.snapshot" }>): unknown {
  return (snapshot as { readonly value?: unknown }).value;
}
