import { maxInputBytes } from "./mutate-input.ts";

/** What the worker is started with. */
export interface FuzzWork {
  readonly target: string;
  readonly seed: number;
  /** Fresh inputs at most, beside the corpus. */
  readonly inputs: number;
  readonly seconds: number;
  /** Where the worker lays each input before it runs it: the number of inputs so far, its length, its bytes. */
  readonly shared: SharedArrayBuffer;
}

export const sharedBytes = 8 + 2 * maxInputBytes;
