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
import { missedByRecorder, type RecorderCost, verdictInWords } from "../report/verdicts.ts";
import { type Inspect, podLives } from "./pod-lives.ts";

const usage = `What the flight recorder costs: CPU time per entry (an event or a transition), and memory once it is full.
Usage: npm run bench -- recorder     (without a lab; half a minute)
Ends with code 1 at 2 us per entry or more, or above 3 MB.
`;

/** `npm run bench -- recorder`; returns the exit code: 1 when a bar is missed, 2 for words it does not know. */
export async function recorderCommand(argv: readonly string[]): Promise<number> {
  if (argv.length > 0) {
    process.stderr.write(usage);
    return argv.join() === "--help" ? 0 : 2;
  }
  // First: what else is done leaves code and garbage behind.
  const { entries, bytes } = await fullRecorder();
  const few = recorded();
  await podLives(100, few.inspect);
  const entriesPerLife = entriesIn(few.recorder) / 100;
  const nsPerEntry = (await addedUs()) * (1000 / entriesPerLife);
  const missed = missedByRecorder({ nsPerEntry, bytes });
  process.stdout.write(
    `flight recorder: ${nsPerEntry.toFixed(0)} ns per entry, ${entriesPerLife.toFixed(1)} entries per pod life; ` +
      `full it holds ${entries} entries in ${(bytes / 1e6).toFixed(2)} MB\n${verdictInWords(missed)}\n`,
  );
  return missed.length === 0 ? 0 : 1;
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
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
    // The memory of buffers is freed beside the main thread.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return least;
}
