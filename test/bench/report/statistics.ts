/** A number measured in several interleaved rounds: the middle one, the extremes and all of them in order. */
export type Measurement = {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: readonly number[];
};

/** The value below which `fraction` of the values lie (nearest rank). `NaN` for no values. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(fraction * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** The middle value; of an even number of values the mean of the two in the middle. `NaN` for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Median and spread of one number per round; `NaN` for no rounds. */
export function measured(rounds: readonly number[]): Measurement {
  const [low, high] =
    rounds.length === 0 ? [Number.NaN, Number.NaN] : [Math.min(...rounds), Math.max(...rounds)];
  return { median: median(rounds), low, high, rounds };
}

/** Round by round `a / b`. Both were measured side by side, so noise of the machine that lasts longer than a round drops out. */
export function ratio(a: readonly number[], b: readonly number[]): Measurement {
  return measured(a.map((value, round) => value / (b[round] ?? Number.NaN)));
}

/** Round by round `a - b`. */
export function difference(a: readonly number[], b: readonly number[]): Measurement {
  return measured(a.map((value, round) => value - (b[round] ?? Number.NaN)));
}

/** `items` beginning with the one at `round`, so that nobody always runs first. */
export function rotated<T>(items: readonly T[], round: number): readonly T[] {
  const start = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
