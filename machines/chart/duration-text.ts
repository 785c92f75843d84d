/** Milliseconds as people say them: "500 ms", "12 s", "5 min". */
export function durationText(ms: number): string {
  return ms < 1000 ? `${ms} ms` : ms < 120_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}
