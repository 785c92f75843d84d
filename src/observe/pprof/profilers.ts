import type { Profiler } from "node:inspector";
import { setTimeout as delay } from "node:timers/promises";
import type { DevtoolsCommand } from "../../adapters/devtools/devtools.ts";
import { type CallFrame, encodeProfile, type StackSample } from "./profile-encoder.ts";

/** Takes a profile for so long. Rejects with an AbortError once the signal says that nobody waits for it any more. */
export type ProfileTaker = (durationMs: number, signal: AbortSignal) => Promise<Uint8Array>;

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

/** CPU time of a thread by function, and what was allocated meanwhile and still lives at the end, by function that allocated it. */
export function profileTakers(run: RunDevtools): Readonly<Record<"profile" | "heap", ProfileTaker>> {
  return {
    profile: async (durationMs, signal) => {
      const startedAtMs = Date.now();
      const start: readonly DevtoolsCommand[] = [
        ["Profiler.enable"],
        ["Profiler.setSamplingInterval", { interval: cpuIntervalUs }],
        ["Profiler.start"],
      ];
      const { profile } = (await sampled(run, { start, stop: "Profiler.stop" }, durationMs, signal)) as {
        readonly profile: Profiler.Profile;
      };
      return encodeProfile(cpuSamples(profile), {
        measures: [
          { type: "samples", unit: "count" },
          { type: "cpu", unit: "nanoseconds" },
        ],
        period: cpuIntervalUs * 1000,
        startedAtMs,
        durationMs,
      });
    },
    heap: async (durationMs, signal) => {
      const startedAtMs = Date.now();
      const start: readonly DevtoolsCommand[] = [
        ["HeapProfiler.startSampling", { samplingInterval: heapIntervalBytes }],
      ];
      const stop = "HeapProfiler.stopSampling";
      const { profile } = (await sampled(run, { start, stop }, durationMs, signal)) as {
        readonly profile: HeapProfile;
      };
      return encodeProfile(heapSamples(profile), {
        measures: [
          { type: "inuse_objects", unit: "count" },
          { type: "inuse_space", unit: "bytes" },
        ],
        period: heapIntervalBytes,
        startedAtMs,
        durationMs,
      });
    },
  };
}

/** Also one that nobody waits for any more is stopped. */
async function sampled(
  run: RunDevtools,
  { start, stop }: { readonly start: readonly DevtoolsCommand[]; readonly stop: string },
  durationMs: number,
  signal: AbortSignal,
): Promise<unknown> {
  await run(start, false);
  await delay(durationMs, undefined, { signal }).catch(() => undefined);
  const answer = await run([[stop]], true);
  signal.throwIfAborted();
  return answer;
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
  const totals = new Map<number, { count: number; nanoseconds: number }>();
  for (const [index, id] of samples.entries()) {
    const total = totals.get(id) ?? { count: 0, nanoseconds: 0 };
    totals.set(id, total);
    total.count += 1;
    total.nanoseconds += Math.max(0, timeDeltas[index] ?? 0) * 1000;
  }
  for (const [leaf, { count, nanoseconds }] of totals) {
    const stack: CallFrame[] = [];
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const frame = byId.get(id)?.callFrame;
      if (frame !== undefined && frame.functionName !== "(root)") stack.push(frame);
    }
    if (isNoWork(stack)) continue;
    yield { stack, values: [count, nanoseconds] };
  }
}

function* heapSamples({ head, samples }: HeapProfile): Generator<StackSample> {
  const totals = new Map<number, { count: number; bytes: number }>();
  for (const { nodeId, size } of samples) {
    const total = totals.get(nodeId) ?? { count: 0, bytes: 0 };
    totals.set(nodeId, total);
    total.count += 1;
    total.bytes += size;
  }
  const open: {
    readonly node: HeapNode;
    readonly stack: readonly CallFrame[];
  }[] = [{ node: head, stack: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, stack } = next;
    const own = node.callFrame.functionName === "(root)" ? stack : [node.callFrame, ...stack];
    const total = totals.get(node.id);
    if (total !== undefined && own.length > 0) yield { stack: own, values: [total.count, total.bytes] };
    for (const child of node.children) open.push({ node: child, stack: own });
  }
}
