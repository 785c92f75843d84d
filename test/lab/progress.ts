/** Where a long job says what it does, one line at a time. */
export type Progress = (line: string) => void;

/** Says nothing. */
export const silent: Progress = () => {};

/** Progress lines on stderr, each with the seconds since this call: `[  3.2 s] Headscale answers`. */
export function stderrProgress(now: () => number = performance.now.bind(performance)): Progress {
  const start = now();
  return (line) => {
    const seconds = ((now() - start) / 1000).toFixed(1).padStart(5);
    process.stderr.write(`[${seconds} s] ${line}\n`);
  };
}
