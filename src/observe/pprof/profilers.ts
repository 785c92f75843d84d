import type { Profiler } from "node:inspector";
import type { Session } from "node:inspector/promises";
import { setTimeout as delay } from "node:timers/promises";
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

/** CPU time of the main thread by function; the kernel worker is another thread and not in it. */
export const takeCpuProfile: ProfileTaker = (durationMs, signal) =>
  withSession(async (session) => {
    const startedAtMs = Date.now();
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: cpuIntervalUs });
    await session.post("Profiler.start");
    await delay(durationMs, undefined, { signal });
    const { profile } = await session.post("Profiler.stop");
    return encodeProfile(cpuSamples(profile), {
      measures: [
        { type: "samples", unit: "count" },
        { type: "cpu", unit: "nanoseconds" },
      ],
      period: cpuIntervalUs * 1000,
      startedAtMs,
      durationMs,
    });
  });

/** What was allocated while it ran and still lives at its end, by function that allocated it. */
export const takeHeapProfile: ProfileTaker = (durationMs, signal) =>
  withSession(async (session) => {
    const startedAtMs = Date.now();
    await session.post("HeapProfiler.startSampling", { samplingInterval: heapIntervalBytes });
    await delay(durationMs, undefined, { signal });
    const { profile } = await session.post("HeapProfiler.stopSampling");
    return encodeProfile(heapSamples(profile as unknown as HeapProfile), {
      measures: [
        { type: "inuse_objects", unit: "count" },
        { type: "inuse_space", unit: "bytes" },
      ],
      period: heapIntervalBytes,
      startedAtMs,
      durationMs,
    });
  });

/** Nothing of the profiler is loaded before the first profile, and its end takes all of it away again. */
async function withSession<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
  const inspector = await import("node:inspector/promises");
  const session = new inspector.Session();
  session.connect();
  try {
    return await work(session);
  } finally {
    session.disconnect();
  }
}

/** The time between two samples belongs to the later one. What is no work of ours ("(idle)", "(program)") is left out. */
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
    const [innermost] = stack;
    if (innermost === undefined || ["(idle)", "(program)"].includes(innermost.functionName)) continue;
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
