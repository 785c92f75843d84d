import { type Missed, verdictInWords } from "../report/verdicts.ts";
import type { KernelCount } from "./kernel-count.ts";
import type { Look } from "./storm.ts";

const allowedHeapGrowthMb = 10;

/** What the looks at a storm say; `leftBehind` in words ("3 routes"). */
export type Verdict = {
  readonly heapGrowthMb: number;
  readonly leftBehind: readonly string[];
  readonly missed: Missed;
};

/** Compares the last look with the first. Without lives between them nothing was measured. */
export function judge(taken: readonly Look[]): Verdict {
  const [first, last] = [taken[0], taken.at(-1)];
  if (first === undefined || last === undefined || last.lives <= first.lives)
    return { heapGrowthMb: Number.NaN, leftBehind: [], missed: ["nothing measured: no pod lived"] };
  const heapGrowthMb = last.heapMb - first.heapMb;
  const leftBehind = Object.entries(last.kernel).flatMap(([what, count]) => {
    const more = count - first.kernel[what as keyof KernelCount];
    return more > 0 ? [`${more} ${what}`] : [];
  });
  const grew = heapGrowthMb <= allowedHeapGrowthMb ? [] : [`heap growth: ${heapGrowthMb.toFixed(2)} MB`];
  return {
    heapGrowthMb,
    leftBehind,
    missed: [...grew, ...leftBehind.map((what) => `left in the kernel: ${what}`)],
  };
}

/** The verdict for people. */
export function inWords({ heapGrowthMb, leftBehind, missed }: Verdict, taken: readonly Look[]): string {
  const lives = taken.at(-1)?.lives ?? 0;
  const heaps = taken.map(({ heapMb }) => heapMb.toFixed(2)).join(", ");
  const files = taken.map(({ openFiles }) => openFiles).join(", ");
  return [
    `${lives} pod lives: heap after GC ${heaps} MB (grew by ${heapGrowthMb.toFixed(2)}, bar <= ${allowedHeapGrowthMb})`,
    `open files ${files}`,
    `left in the kernel: ${leftBehind.length === 0 ? "nothing" : leftBehind.join(", ")}`,
    verdictInWords(missed),
    "",
  ].join("\n");
}
