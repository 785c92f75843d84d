import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "corpus");

/** The kept inputs of a target: examples of its format, and what once was a fault. */
export function readCorpus(target: string): readonly Buffer[] {
  return readdirSync(join(folder, target))
    .toSorted()
    .map((name) => readFileSync(join(folder, target, name)));
}

/** Keeps an input that is a fault; gives the name of its file, which each run reads from now on. */
export function keepFault(target: string, input: Buffer): string {
  const name = `fault-${createHash("sha256").update(input).digest("hex").slice(0, 12)}`;
  mkdirSync(join(folder, target), { recursive: true });
  writeFileSync(join(folder, target, name), input);
  return `test/fuzz/corpus/${target}/${name}`;
}
