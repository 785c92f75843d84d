import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { StatelyInspectionEvent } from "@statelyai/inspect";
import { expect, onTestFinished, test } from "vitest";
import { type AnyMachineSnapshot, type AnyStateMachine, createMachine } from "xstate";
import { stateName } from "../../../src/observe/machines/state-name.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { exchange } from "../../support/cni-client.ts";
import { del } from "../../support/cni-requests.ts";
import { loneConfig, startLoneDaemon } from "../../support/lone-daemon.ts";
import { until } from "../../support/until.ts";

const receiver = new URL("../../support/stately-receiver.ts", import.meta.url).pathname;
const port = 8099;

/** A machine of the daemon, as @statelyai/inspect was told of it. */
interface Told {
  readonly machine: AnyStateMachine;
  readonly parentId: string | undefined;
  status: string;
  state: string;
}

/** The package's own server and receiver, in the daemon's namespace, and what they got, raw and as machines by session. */
function receive(netns: string) {
  const [program, ...args] = inNetns(netns, [process.execPath, receiver, String(port)]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const lines: string[] = [];
  const events: string[] = [];
  const told = new Map<string, Told>();
  const faults: unknown[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    try {
      take(JSON.parse(line) as StatelyInspectionEvent);
    } catch (error) {
      faults.push(error);
    }
  });

  function take(message: StatelyInspectionEvent): void {
    if (message.type === "@xstate.event") events.push(message.event.type);
    if (message.type === "@xstate.actor") {
      const machine = createMachine(JSON.parse(message.definition ?? "") as AnyStateMachine["config"]);
      told.set(message.sessionId, { machine, parentId: message.parentId, status: "", state: "" });
    }
    if (message.type !== "@xstate.actor" && message.type !== "@xstate.snapshot") return;
    const known = told.get(message.sessionId);
    if (known === undefined) throw new Error(`a state of ${message.sessionId}, which was not introduced`);
    const { value, status } = message.snapshot as AnyMachineSnapshot;
    // Throws for a state that the definition does not have.
    known.machine.resolveState({ value, context: {} });
    Object.assign(known, { status, state: stateName(value) });
  }

  return { lines, events, told, faults };
}

test("Stately's inspector gets to know the daemon's real machines as they are, and no key", async () => {
  const keys = ["hskey-auth-first-GEHEIM", "shapeless-GEHEIM"] as const;
  const monitoring = { port: 9797, statelyInspect: `ws://127.0.0.1:${port}` };
  const { url } = loneConfig("").headscale;
  const configured = (authKey: string) => ({ monitoring, headscale: { url, authKey } });
  const { ask, log, netns, directory, child, configure } = await startLoneDaemon(configured(keys[0]));
  const { lines, events, told, faults } = receive(netns);
  const live = async () => {
    const { body } = await ask("/debug/machines");
    const { machines } = JSON.parse(body.toString()) as {
      readonly machines: readonly { readonly machine: string; readonly state: string }[];
    };
    return machines.map(({ machine, state }) => `${machine} ${state}`).toSorted();
  };
  const shown = () =>
    [...told.values()]
      .filter(({ status }) => status === "active")
      .map(({ machine, state }) => `${machine.id} ${state}`)
      .toSorted();
  const agrees = () =>
    until(async () => {
      expect(faults).toEqual([]);
      const now = await live();
      return now.join("\n") === shown().join("\n") && now;
    }, "the server has the same machines in the same states as the daemon");
  const machines = (await agrees()).map((row) => row.split(" ")[0]);
  expect(machines).toEqual(
    expect.arrayContaining(["headcni", "health", "pods", "cni", "config", "tailscaled"]),
  );
  const roots = [...told.values()].filter(({ parentId }) => parentId === undefined);
  expect(roots.map(({ machine }) => machine.id)).toEqual(["headcni"]);
  expect([...told.values()].every(({ parentId }) => parentId === undefined || told.has(parentId))).toBe(true);

  await configure(configured(keys[1]));
  child.kill("SIGHUP");
  await until(() => log().includes("configuration changed"), "the new key");
  await until(() => events.includes("config.touched"), "the event that SIGHUP becomes");
  // No machine holds a key, so a runtime's words bring both: one that its shape betrays, one that the daemon knows from its file.
  for (const key of keys) await exchange(join(directory, "cni.sock"), del(key));
  const calls = () => events.filter((type) => type === "request.received").length;
  await until(() => calls() >= keys.length, "the calls");
  await agrees();
  expect(lines.filter((line) => line.includes("GEHEIM"))).toEqual([]);
});
