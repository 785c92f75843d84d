/**
 * Fields that hold secrets wherever they are logged, with their value in a line of JSON. On the line, because copying
 * every logged object to censor it (pino's `redact`) costs more than all the rest of the line.
 */
const secretFields = (() => {
  const text = '"(?:[^"\\\\]|\\\\.)*"';
  const value = `${text}|\\[(?:${text}|[^"\\]])*\\]|\\{(?:${text}|[^"}])*\\}|[^,}\\]]+`;
  return new RegExp(`"(authKey|apiKey|authorization)":(?:${value})`, "g");
})();

/**
 * Keys by their shape: Headscale 0.29 "hskey-auth-<id>-<secret>" and "hskey-api-…" (hscontrol/db/preauth_keys.go),
 * Tailscale "tskey-…", private keys of tailscaled (types/key), and Authorization headers.
 */
const keyShapes = /\b(hskey-[a-z]+-|tskey-[a-z]+-|privkey:|nlpriv:|Bearer )[\w.~+/=-]+/g;

/** Removes secret fields, what looks like a key, and every occurrence of the given secrets from a line of JSON. */
export function redactLine(line: string, secrets: readonly string[]): string {
  let safe = line.replace(secretFields, '"$1":"[redacted]"').replace(keyShapes, "$1[redacted]");
  for (const secret of secrets) if (safe.includes(secret)) safe = safe.replaceAll(secret, "[redacted]");
  return safe;
}
