import type { KernelCount } from "./kernel-count.ts";
import type { Look } from "./storm.ts";

const allowedHeapGrowthMb = 10;

/** What the looks at a storm say: `leftBehind` in words ("3 routes"), `clean` when the bar for leaks is kept. */
export type Verdict = {
  readonly heapGrowthMb: number;
  readonly leftBehind: readonly string[];
  readonly clean: boolean;
};

/** Compares the last look with the first. */
export function judge(taken: readonly Look[]): Verdict {
  const [first, last] = [taken[0], taken.at(-1)];
  if (first === undefined || last === undefined) return { heapGrowthMb: 0, leftBehind: [], clean: true };
  const heapGrowthMb = last.heapMb - first.heapMb;
  const leftBehind = Object.entries(last.kernel).flatMap(([what, count]) => {
    const more = count - first.kernel[what as keyof KernelCount];
    return more > 0 ? [`${more} ${what}`] : [];
  });
  return { heapGrowthMb, leftBehind, clean: heapGrowthMb < allowedHeapGrowthMb && leftBehind.length === 0 };
}

/** The verdict for people. */
export function inWords({ heapGrowthMb, leftBehind, clean }: Verdict, taken: readonly Look[]): string {
  const lives = taken.at(-1)?.lives ?? 0;
  const heaps = taken.map(({ heapMb }) => heapMb.toFixed(2)).join(", ");
  const files = taken.map(({ openFiles }) => openFiles).join(", ");
  return [
    `${lives} pod lives: heap after GC ${heaps} MB (grew by ${heapGrowthMb.toFixed(2)}, bar < ${allowedHeapGrowthMb})`,
    `open files ${files}`,
    `left in the kernel: ${leftBehind.length === 0 ? "nothing" : leftBehind.join(", ")}`,
    clean ? "reached" : "NOT reached",
    "",
  ].join("\n");
}
