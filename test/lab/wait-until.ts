import { setTimeout as delay } from "node:timers/promises";
import { LabError } from "./lab-error.ts";

/** What to wait for, in words for the error, and how long. */
export type WaitOptions = {
  readonly what: string;
  readonly timeoutMs: number;
  /** How long to wait between two probes: as long as the probe took, from 50 to 500 ms, so that costly ones leave the processors to what they wait for. */
  readonly everyMs?: number;
  /** Called once the limit is over; its answer ends the error message, for example the last lines of a log. */
  readonly explain?: () => string | Promise<string>;
};

/** Asks `probe` until it answers something other than `undefined` or `false`, and returns that. Throws LabError NOT_READY at the limit. */
export async function waitUntil<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const asked = performance.now();
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    const now = performance.now();
    if (now > deadline) break;
    await delay(options.everyMs ?? Math.min(Math.max(now - asked, 50), 500));
  }
  const explanation = options.explain === undefined ? "" : `\n${await options.explain()}`;
  throw new LabError("NOT_READY", `${options.what}: not within ${options.timeoutMs / 1000} s${explanation}`);
}
