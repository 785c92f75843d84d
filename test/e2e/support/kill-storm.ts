import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { readyPage } from "../../lab/headcni/daemon-pages.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import { addNetns, inNetns, netnsPath, removeNetns } from "../../lab/network/netns.ts";
import { tailOf } from "../../lab/processes/log-tail.ts";
import { runResult } from "../../lab/run-command.ts";
import { killService, startService } from "../../lab/services.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { addressIn, callPlugin, type PluginCall } from "./plugin-call.ts";
import { podKernelState } from "./views/kernel-view.ts";

/** What a storm came to; each list names what must never happen. */
export type StormReport = {
  readonly adds: number;
  readonly dels: number;
  /** ADDs that the runtime would repeat. */
  readonly refused: number;
  /** Addresses that two living pods had. */
  readonly twice: readonly string[];
  /** Addresses whose ADD answered success and that did not answer a ping. */
  readonly dead: readonly string[];
  /** Answers of DELs that failed. */
  readonly undeleted: readonly string[];
};

const workers = 6;

/** How long a storm lasts, and who else has a part in it. */
export type Storm = {
  readonly kills: number;
  /** ADDs that are to succeed at least, however few kills there are. */
  readonly lives?: number;
  /** Pods of Kubernetes; without them nobody says whose the attachments are. */
  readonly pods?: StormPods;
  /** Every so many kills the API server is away from one kill to the next but one. */
  readonly awayEvery?: number;
  readonly told?: (kills: number, adds: number) => void;
};

/** What a storm's workers, each with one sandbox for all its lives, do beside the runtime's calls. */
export interface StormPods {
  /** Before the first life in a sandbox. */
  prepare(worker: number, sandbox: string): Promise<void>;
  /** Before an ADD; gives its CNI_ARGS. */
  begin(worker: number): Promise<string>;
  /** ADD answered with an address. */
  attached(address: string): void;
  /** After the DEL. */
  end(worker: number): Promise<void>;
  /** The storm is over; nothing may stay in the sandboxes. */
  leave(): Promise<void>;
}

/**
 * Kills a node's daemon with SIGKILL so often, at random moments, while six workers ADD and DEL as a runtime does. At the end the
 * daemon runs, all sandboxes are gone, and what is left in the kernel was leaked.
 */
export async function killStorm(
  lab: Lab,
  node: LabNode,
  { kills, lives = 0, pods, awayEvery, told }: Storm,
): Promise<StormReport> {
  const daemon = { name: "daemon", node: node.name } as const;
  const storm = { over: false, adds: 0, dels: 0, refused: 0 };
  const [twice, dead, undeleted]: [string[], string[], string[]] = [[], [], []];
  const owners = new Map<string, string>();
  const sandboxes: string[] = [];
  for (let index = 0; index < workers; index += 1) {
    const name = `${netnsPrefix(lab.id)}w${index}`;
    await addNetns(name);
    await pods?.prepare(index, name);
    sandboxes.push(name);
  }

  /** ADD and DEL in turn, with a new container id each time, until the storm is over. */
  async function work(sandbox: string, worker: number): Promise<void> {
    while (!storm.over) {
      const containerId = randomUUID();
      const args = await pods?.begin(worker);
      const call: Omit<PluginCall, "command"> = { containerId, netns: netnsPath(sandbox), args };
      const address = addressIn(await callPlugin(node, { command: "ADD", ...call }));
      if (address === undefined) storm.refused += 1;
      else {
        storm.adds += 1;
        pods?.attached(address);
        const owner = owners.get(address);
        if (owner !== undefined) twice.push(`${address}: ${owner} and ${containerId}`);
        owners.set(address, containerId);
        const ping = await runResult(inNetns(node.netns, ["ping", "-q", "-c", "1", "-W", "5", address]));
        if (ping.exitCode !== 0) dead.push(address);
        owners.delete(address);
      }
      const deleted = await callPlugin(node, { command: "DEL", ...call });
      if (deleted.exitCode !== 0) undeleted.push(JSON.stringify(deleted.answer));
      storm.dels += 1;
      await pods?.end(worker);
    }
  }

  const untilAnswered = async (adds: number) =>
    await waitUntil(async () => storm.adds >= adds, {
      what: "an ADD is answered",
      timeoutMs: 60_000,
      explain: async () =>
        `${storm.refused} were refused; /ready says ${JSON.stringify(await readyPage(node))}; ${await tailOf(node.logFile)}`,
    });
  const working = Promise.all(sandboxes.map(work));
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      // Random moments: every other kill meets the start and the recovery, the rest a daemon that is at work.
      if (kill % 2 === 1) await untilAnswered(storm.adds + 1);
      await delay(Math.random() * 500);
      const outage = awayEvery === undefined ? undefined : kill % awayEvery;
      if (outage === 0) await killService(lab, { name: "kube-apiserver" });
      await killService(lab, daemon);
      await startService(lab, daemon);
      if (outage === 2) await startService(lab, { name: "kube-apiserver" });
      told?.(kill + 1, storm.adds);
    }
    if (awayEvery !== undefined) await startService(lab, { name: "kube-apiserver" });
    while (storm.adds < lives) {
      await untilAnswered(Math.min(lives, storm.adds + 100));
      told?.(kills, storm.adds);
    }
  } finally {
    // Workers that went on would spoil the next test, and the end of the lab.
    storm.over = true;
    await working;
    await pods?.leave();
  }
  await waitForDaemon(lab, node);
  await Promise.all(sandboxes.map(removeNetns));
  const { adds, dels, refused } = storm;
  return { adds, dels, refused, twice, dead, undeleted };
}

/** DEL answers before the kernel is done with the link, and a spooled DEL is done by the daemon in its own time. */
export async function waitUntilNothingIsLeft(node: LabNode): Promise<void> {
  const clean = async () => {
    const { links, routes } = await podKernelState(node);
    return links.length === 0 && routes.length === 0;
  };
  await waitUntil(clean, {
    what: "no link and no route of a pod is left",
    timeoutMs: 30_000,
    explain: async () => JSON.stringify(await podKernelState(node)),
  });
}
