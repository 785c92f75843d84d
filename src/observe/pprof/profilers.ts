import type { Profiler } from "node:inspector";
import { setTimeout as delay } from "node:timers/promises";
import type { DevtoolsCommand } from "../../adapters/devtools/devtools.ts";
import {
  type CallFrame,
  type EncodedProfileTerms,
  encodeProfile,
  type StackSample,
} from "./profile-encoder.ts";

/** Takes a profile for so long. Rejects with an AbortError once the signal says that nobody waits for it any more. */
export type TakeProfile = (durationMs: number, signal: AbortSignal) => Promise<Uint8Array>;

/** V8's sampled heap (HeapProfiler.SamplingHeapProfile of the DevTools protocol), with the fields that Node's types leave out. */
interface HeapNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children: readonly HeapNode[];
}

interface HeapProfile {
  readonly head: HeapNode;
  readonly samples: readonly { readonly nodeId: number; readonly size: number }[];
}

/** Every millisecond, V8's own usual rate. */
const cpuIntervalUs = 1000;
/** One sample per so many allocated bytes: finer than V8's 32 KiB, since the daemon allocates little. */
const heapIntervalBytes = 8192;

/** Runs commands in a thread's DevTools session, in order; `last` ends it. Gives the answer to the last of them. */
export type RunDevtools = (commands: readonly DevtoolsCommand[], last: boolean) => Promise<unknown>;

/** A profile as V8 takes it, and what its samples are. */
interface ProfileKind<Taken> extends Pick<EncodedProfileTerms, "measures" | "period"> {
  readonly start: readonly DevtoolsCommand[];
  readonly stop: string;
  readonly samples: (taken: Taken) => Iterable<StackSample>;
}

const cpu: ProfileKind<Profiler.Profile> = {
  start: [
    ["Profiler.enable"],
    ["Profiler.setSamplingInterval", { interval: cpuIntervalUs }],
    ["Profiler.start"],
  ],
  stop: "Profiler.stop",
  measures: [
    { type: "samples", unit: "count" },
    { type: "cpu", unit: "nanoseconds" },
  ],
  period: cpuIntervalUs * 1000,
  samples: cpuSamples,
};

const heap: ProfileKind<HeapProfile> = {
  start: [["HeapProfiler.startSampling", { samplingInterval: heapIntervalBytes }]],
  stop: "HeapProfiler.stopSampling",
  measures: [
    { type: "inuse_objects", unit: "count" },
    { type: "inuse_space", unit: "bytes" },
  ],
  period: heapIntervalBytes,
  samples: heapSamples,
};

/** CPU time of a thread by function, and what was allocated meanwhile and still lives at the end, by function that allocated it. */
export function createProfilers(run: RunDevtools): Readonly<Record<"profile" | "heap", TakeProfile>> {
  return { profile: profilerOf(run, cpu), heap: profilerOf(run, heap) };
}

function profilerOf<Taken>(
  run: RunDevtools,
  { start, stop, samples, ...terms }: ProfileKind<Taken>,
): TakeProfile {
  return async (durationMs, signal) => {
    const startedAtMs = Date.now();
    await run(start, false);
    await delay(durationMs, undefined, { signal }).catch(() => undefined);
    // Also one that nobody waits for any more is stopped.
    const { profile } = (await run([[stop]], true)) as { readonly profile: Taken };
    signal.throwIfAborted();
    return encodeProfile(samples(profile), { ...terms, startedAtMs, durationMs });
  };
}

/**
 * V8's own words for it, and where the kernel worker sleeps: in a call into the C library, which V8 takes for work, and whose caller
 * it does not always find.
 */
function isNoWork([innermost, caller]: readonly CallFrame[]): boolean {
  if (innermost === undefined || ["(idle)", "(program)"].includes(innermost.functionName)) return true;
  if (innermost.url !== "" || innermost.functionName.startsWith("(")) return false;
  return caller === undefined || caller.functionName === "waitForInput";
}

/** The time between two samples belongs to the later one. What is no work is left out. */
function* cpuSamples({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Generator<StackSample> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(
    nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)),
  );
  const times = samples.map((id, index) => [id, Math.max(0, timeDeltas[index] ?? 0) * 1000] as const);
  for (const [leaf, values] of totalsOf(times)) {
    const stack: CallFrame[] = [];
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const frame = byId.get(id)?.callFrame;
      if (frame !== undefined && frame.functionName !== "(root)") stack.push(frame);
    }
    if (!isNoWork(stack)) yield { stack, values };
  }
}

function* heapSamples({ head, samples }: HeapProfile): Generator<StackSample> {
  const totals = totalsOf(samples.map(({ nodeId, size }) => [nodeId, size] as const));
  const open: { readonly node: HeapNode; readonly stack: readonly CallFrame[] }[] = [
    { node: head, stack: [] },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, stack } = next;
    const own = node.callFrame.functionName === "(root)" ? stack : [node.callFrame, ...stack];
    const values = totals.get(node.id);
    if (values !== undefined && own.length > 0) yield { stack: own, values };
    for (const child of node.children) open.push({ node: child, stack: own });
  }
}

/** By node: how many samples, and the sum of their amounts. */
function totalsOf(
  samples: readonly (readonly [id: number, amount: number])[],
): ReadonlyMap<number, readonly [count: number, amount: number]> {
  const totals = new Map<number, readonly [number, number]>();
  for (const [id, amount] of samples) {
    const [count, sum] = totals.get(id) ?? [0, 0];
    totals.set(id, [count + 1, sum + amount]);
  }
  return totals;
}
