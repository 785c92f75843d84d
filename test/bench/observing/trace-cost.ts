import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InspectionEvent } from "xstate";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { hearNews } from "../../../src/observe/machines/hear-news.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { subjectOf } from "../../../src/observe/machines/subject-of.ts";
import { createCallTraces } from "../../../src/observe/trace/call-traces.ts";
import { tracedPodNetwork } from "../../../src/observe/trace/traced-pod-network.ts";
import { exchange } from "../../support/cni-client.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { startCniStack } from "../../support/cni-stack.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";

/**
 * What the traces of calls cost an ADD, side by side with the observer alone: real socket and machines over a kernel in memory,
 * interleaved rounds. Usage: node test/bench/observing/trace-cost.ts [lives] [rounds]
 */
const lives = Number(process.argv[2] ?? 300);
const rounds = Number(process.argv[3] ?? 9);
const { log } = createLogger({ level: "info", base: {}, destination: { write: () => undefined } });

async function openVariant(traced: boolean) {
  const kernel = fakePodNetwork();
  kernel.quiet();
  const traces = traced ? createCallTraces() : undefined;
  const observer = createMachineObserver({ log, subjectOf, listener: traces?.listener });
  const folder = mkdtempSync(join(tmpdir(), "headcni-bench-"));
  const port = traces === undefined ? kernel.port : tracedPodNetwork(kernel.port, traces);
  const hear = traces === undefined ? undefined : hearNews(traces.hear);
  const inspect = (event: InspectionEvent) => {
    hear?.(event);
    observer.inspect(event);
  };
  const stack = await startCniStack(folder, { ...kernel, port }, { inspect, restMs: 0 });
  await stack.open();
  const close = () => {
    stack.cni.stop();
    stack.pods.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { path: stack.path, close };
}

interface Round {
  readonly addMs: readonly number[];
  readonly cpuUs: number;
}

async function runRound(path: string): Promise<Round> {
  const addMs: number[] = [];
  const before = process.cpuUsage();
  for (let life = 0; life < lives; life++) {
    const at = performance.now();
    await exchange(path, cniRequest("ADD", `c${life}`));
    addMs.push(performance.now() - at);
    await exchange(path, cniRequest("DEL", `c${life}`));
  }
  const { user, system } = process.cpuUsage(before);
  return { addMs, cpuUs: (user + system) / lives };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const variants = [
  { name: "observer alone", ...(await openVariant(false)), rounds: [] as Round[] },
  { name: "observer and traces", ...(await openVariant(true)), rounds: [] as Round[] },
];
for (let round = 0; round <= rounds; round++)
  for (const variant of variants) {
    const measured = await runRound(variant.path);
    if (round > 0) variant.rounds.push(measured);
  }
for (const { name, rounds: measured } of variants) {
  const p50 = median(measured.map(({ addMs }) => median(addMs)));
  const cpu = median(measured.map(({ cpuUs }) => cpuUs));
  console.log(`${name.padEnd(20)} ADD p50 ${p50.toFixed(3)} ms, ${cpu.toFixed(0)} us of CPU per pod life`);
}
for (const { close } of variants) close();
