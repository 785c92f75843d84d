import type { CallVector } from "./call-vector.ts";
import { commandVectors } from "./command-vectors.ts";
import { daemonVectors } from "./daemon-vectors.ts";
import { refusedVectors } from "./refused-vectors.ts";

/** The table that the core and the ELF both answer; `netns` is a network namespace other than the caller's. */
export function callVectors(netns: string): readonly CallVector[] {
  return [...commandVectors(netns), ...daemonVectors(netns), ...refusedVectors(netns)];
}
