/** Fields that hold secrets wherever they are logged (pino redact paths). */
export const secretFields: readonly string[] = [
  "authKey",
  "apiKey",
  "authorization",
  "headers.authorization",
].flatMap((field) => [field, `*.${field}`]);

/**
 * Keys by their shape: Headscale 0.29 "hskey-auth-<id>-<secret>" and "hskey-api-…" (hscontrol/db/preauth_keys.go),
 * Tailscale "tskey-…", private keys of tailscaled (types/key), and Authorization headers.
 */
const keyShapes = /\b(hskey-[a-z]+-|tskey-[a-z]+-|privkey:|nlpriv:|Bearer )[\w.~+/=-]+/g;

/** Removes what looks like a key, and every occurrence of the given secrets, from a line of text. */
export function redactText(line: string, secrets: readonly string[]): string {
  let safe = line.replace(keyShapes, "$1[redacted]");
  for (const secret of secrets) if (safe.includes(secret)) safe = safe.replaceAll(secret, "[redacted]");
  return safe;
}
