import { createLogger } from "../../../src/observe/logs/logger.ts";
import type { MachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { jsonAnswer } from "../../../src/observe/pages/http-routes.ts";
import { readRecording } from "../../../src/observe/recorder/read-recording.ts";
import { createRecorder, type RecorderOptions } from "../../../src/observe/recorder/recorder.ts";
import { observedSystem } from "../observed-system.ts";

/** When the clock of a recorded system stands at 0. */
export const began = 1_700_000_000_000;

/** A recorder over a running system; the test moves the clock of both. */
export function recordedSystem(options: Partial<RecorderOptions> = {}) {
  const clock = { now: 0 };
  const clocks = { monotonicMs: () => clock.now, wallClockMs: () => began + clock.now };
  const broken: unknown[] = [];
  const holder: { observer?: MachineObserver } = {};
  const { redact, hide } = createLogger({ level: "info", base: {}, destination: { write: () => undefined } });
  const recorder = createRecorder({
    daemon: { node: "n1", version: "0", pid: 1 },
    machines: { parentOf: (ref) => holder.observer?.parentOf(ref) },
    redact,
    broke: (error) => broken.push(error),
    ...clocks,
    ...options,
  });
  const system = observedSystem({
    ...clocks,
    listener: recorder.listener,
    inspect: (event) => {
      recorder.inspect(event);
    },
  });
  holder.observer = system.observer;
  /** What `/debug/recording` answers. */
  const page = () => String(jsonAnswer(200, recorder.page()).body);
  return { ...system, clock, recorder, hide, broken, page, recording: () => readRecording(page()) };
}
