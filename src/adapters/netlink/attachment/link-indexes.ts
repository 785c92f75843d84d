import { randomInt } from "node:crypto";
import type { LinkIndexes } from "./attachment-steps.ts";

/** The kernel counts its own indexes up from 1 and never gets here. */
const lowest = 2 ** 24;
const highest = 2 ** 30;

/** Gives index pairs that are free in the node's namespace. */
export interface IndexSource {
  next(): LinkIndexes;
}

/**
 * `taken` are the indexes present at the start: a batch goes on after a refused message, so an index that is in use would
 * have its owner's alias overwritten. Everything since then came from this source.
 */
export function linkIndexes(taken: Iterable<number>): IndexSource {
  const present = new Set([...taken].filter((index) => index >= lowest));
  let host = lowest + 2 * randomInt((highest - lowest) / 2);
  return {
    next: () => {
      do host = host + 2 < highest ? host + 2 : lowest;
      while (present.has(host));
      return { host, pod: host + 1 };
    },
  };
}
