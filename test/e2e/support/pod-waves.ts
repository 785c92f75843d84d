import { randomUUID } from "node:crypto";
import { makeSandboxes, removeSandboxes, type Sandbox } from "../../bench/calls/sandboxes.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { callPlugin } from "./plugin-call.ts";

const callsAtOnce = 8;

/** Pods that come and go together, on one node. */
export interface PodWaves {
  /** Attaches one pod per sandbox, as stubbornly as a runtime; gives their container ids. */
  attach(): Promise<readonly string[]>;
  /** Detaches the pods of the last `attach`. */
  detach(): Promise<void>;
  close(): Promise<void>;
}

/** Makes `count` sandboxes whose names start with `prefix`. */
export async function podWaves(node: LabNode, prefix: string, count: number): Promise<PodWaves> {
  const sandboxes = await makeSandboxes(prefix, count);
  let ids: readonly string[] = [];

  async function call(command: "ADD" | "DEL", sandbox: Sandbox, containerId: string): Promise<void> {
    const answered = async () =>
      (await callPlugin(node, { command, containerId, netns: sandbox.path })).exitCode === 0;
    await waitUntil(answered, { what: `${command} of ${containerId}`, timeoutMs: 120_000, everyMs: 500 });
  }

  async function callAll(command: "ADD" | "DEL"): Promise<void> {
    const jobs = sandboxes.entries();
    const work = async () => {
      for (const [index, sandbox] of jobs) await call(command, sandbox, ids[index] ?? "");
    };
    await Promise.all(Array.from({ length: callsAtOnce }, work));
  }

  return {
    async attach() {
      ids = sandboxes.map(() => randomUUID());
      await callAll("ADD");
      return ids;
    },
    detach: () => callAll("DEL"),
    close: () => removeSandboxes(prefix),
  };
}
