import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { InspectionEvent } from "xstate";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import {
  createMachineObserver,
  type MachineObserver,
} from "../../../src/observe/machines/machine-observer.ts";
import { readRecording } from "../../../src/observe/recorder/read-recording.ts";
import { createRecorder, type Recorder } from "../../../src/observe/recorder/recorder.ts";
import { BenchError } from "../bench-error.ts";
import { type Inspect, podLives } from "./pod-lives.ts";

/** Of the flight recorder; an entry is an event or a transition. */
export interface RecorderCost {
  /** CPU time. */
  readonly nsPerEntry: number;
  /** Of a full one, with all that it keeps alive. */
  readonly bytes: number;
  readonly entriesOfFull: number;
}

/** Its buffers alone are more. */
const leastBytes = 1_000_000;

/** Measures the flight recorder without a lab, in some half a minute. Throws BenchError where the memory of a full one was not seen. */
export async function recorderCost(): Promise<RecorderCost> {
  // First: what else is done leaves code and garbage behind.
  const { entries, bytes } = await fullRecorder();
  if (!(bytes > leastBytes))
    throw new BenchError("WRONG_RESULT", `a full recorder seems to hold ${bytes} bytes`);
  const few = recorded();
  await podLives(100, few.inspect);
  const entriesPerLife = entriesIn(few.recorder) / 100;
  return { nsPerEntry: (await addedUs()) * (1000 / entriesPerLife), bytes, entriesOfFull: entries };
}

/** As the daemon has it, whose observer always has a listener: for the traces of calls. */
function observed(): Inspect {
  return createMachineObserver({ log: silentLog().log, listener: () => undefined }).inspect;
}

interface Recorded {
  readonly recorder: Recorder;
  readonly inspect: Inspect;
  /** Ends it: what the recorder holds is its own from here on. */
  letGo(): void;
}

function recorded(): Recorded {
  const { log, redact } = silentLog();
  const held: { observer?: MachineObserver } = {};
  const recorder = createRecorder({
    daemon: { node: "n1", version: "0", pid: 1 },
    machines: { parentOf: (ref) => held.observer?.parentOf(ref) },
    redact,
    broke: (error) => {
      throw error;
    },
  });
  held.observer = createMachineObserver({ log, listener: recorder.listener });
  return {
    recorder,
    inspect: (event: InspectionEvent) => {
      held.observer?.inspect(event);
      recorder.inspect(event);
    },
    letGo: () => {
      delete held.observer;
    },
  };
}

const silentLog = () => createLogger({ level: "info", base: {}, destination: { write: () => undefined } });

function entriesIn(recorder: Recorder): number {
  const { parts } = readRecording(JSON.stringify(recorder.page()));
  return (parts.at(-1)?.steps.at(-1)?.seq ?? 0) + 1 - (parts[0]?.firstSeq ?? 0);
}

/** Microseconds that it adds to a pod life: the cheapest batch with it and without, which alternate. Whatever else the machine does only adds. */
async function addedUs(): Promise<number> {
  const [without, having] = [observed(), recorded().inspect];
  let [leastWithout, leastHaving] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let batch = 0; batch < 100; batch += 1) {
    leastWithout = Math.min(leastWithout, await podLives(100, without));
    leastHaving = Math.min(leastHaving, await podLives(100, having));
  }
  return leastHaving - leastWithout;
}

/** What is free again once nobody holds a full recorder. */
async function fullRecorder(): Promise<Pick<RecorderCost, "bytes"> & { readonly entries: number }> {
  const held: { full?: Recorder } = {};
  await fill(held);
  const before = await liveBytes();
  delete held.full;
  const bytes = before - (await liveBytes());
  // Of another one: what its reader needs would still lie about.
  return { entries: entriesIn(await fill(held)), bytes };
}

/** By itself: a variable of a function that waits would hold the recorder, too. */
async function fill(held: { full?: Recorder }): Promise<Recorder> {
  const { recorder, inspect, letGo } = recorded();
  held.full = recorder;
  // Each segment was begun anew, and the table of the last one's texts is nearly as long as it gets.
  await podLives(16_100, inspect);
  letGo();
  return recorder;
}

async function liveBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  let smallest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    smallest = Math.min(smallest, heapUsed + arrayBuffers);
    // The memory of buffers is freed beside the main thread.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return smallest;
}
