import { describe } from "vitest";
import type { Lab, Mode } from "../../lab/lab-types.ts";
import type { StartOptions } from "../../lab/start-lab.ts";
import { useLab } from "./use-lab.ts";

/** The same tests in each mode, with a lab for each: up before the first of them, down after the last. */
export function eachMode(options: StartOptions, tests: (lab: () => Lab, mode: Mode) => void): void {
  describe.each<Mode>(["daemon", "host"])("in mode %s", (mode) => tests(useLab({ ...options, mode }), mode));
}
