/** A copy of plain data as JSON writes it, with everything removed that a log line must not hold either. */
export function withoutSecrets(page: unknown, redact: (line: string) => string): unknown {
  return JSON.parse(redact(JSON.stringify(page)));
}
