import { parentPort, workerData } from "node:worker_threads";
import { readCorpus } from "./corpus.ts";
import type { FuzzWork } from "./fuzz-work.ts";
import { createRandom, mutateInput } from "./mutate-input.ts";
import { targets } from "./targets.ts";

/** Inputs that led to new words; the oldest corpus is never forgotten. */
const maxNews = 2000;

/** Reads the corpus, then mutants of it until its time or their number is over. Gives why an input is a fault; undefined without one. */
async function work({ target: name, seed, inputs, seconds, shared }: FuzzWork): Promise<string | undefined> {
  const source = targets[name];
  if (source === undefined) return `no target ${name}`;
  const [progress, bytes] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, 8)];
  const target = await source.open();
  const seen = new Set<string>();
  const kept = readCorpus(name);
  const news: Buffer[] = [];
  const random = createRandom(seed);
  const end = performance.now() + seconds * 1000;

  async function tried(input: Buffer): Promise<string | undefined> {
    bytes.set(input);
    Atomics.store(progress, 1, input.length);
    Atomics.add(progress, 0, 1);
    try {
      const words = await target.run(input);
      if (!seen.has(words) && news.length < maxNews) news.push(input);
      seen.add(words);
      return undefined;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }

  const any = (): Buffer => {
    const pool = news.length > 0 && random(3) > 0 ? news : kept;
    return pool[random(pool.length)] ?? Buffer.alloc(0);
  };
  try {
    for (const input of kept) {
      const fault = await tried(input);
      if (fault !== undefined) return fault;
    }
    for (let count = 0; count < inputs && performance.now() < end; count += 1) {
      const fault = await tried(mutateInput(any(), any(), source.words, random));
      if (fault !== undefined) return fault;
    }
    return undefined;
  } finally {
    await target.close?.();
  }
}

parentPort?.postMessage({ fault: await work(workerData as FuzzWork) });
