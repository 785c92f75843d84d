import type { Mode } from "../lab/lab-types.ts";
import { BenchError } from "./bench-error.ts";

/** `--mode`, for parseArgs. */
export const modeOption = { mode: { type: "string", default: "daemon" } } as const;

/** Which mode the lab's nodes are to be in. Throws BenchError BAD_OPTION for another word. */
export function modeOf(word: string): Mode {
  if (word === "daemon" || word === "host") return word;
  throw new BenchError("BAD_OPTION", `--mode is daemon or host, not "${word}"`);
}
