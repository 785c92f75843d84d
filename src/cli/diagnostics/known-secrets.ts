import { readFileSync } from "node:fs";
import type { ExaminedConfig } from "../../config/load-config.ts";
import { readSecretFile } from "../../config/read-credentials.ts";
import { isSecret } from "../../config/secret.ts";
import { redactLine } from "../../observe/logs/redaction.ts";

/** Shorter texts would tear holes into words. */
const shortest = 6;
const secretName = /key|token|secret|pass|auth|credential/i;

/** Every secret that this machine's configuration leads to, so that it can be removed wherever it turned up. */
export function knownSecrets(
  { get }: Pick<ExaminedConfig, "get">,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const found: (string | undefined)[] = [];
  const inline = get("headscale.authKey");
  if (isSecret(inline)) found.push(inline.reveal());
  for (const path of ["headscale.authKeyFile", "headscale.apiKeyFile"]) {
    const file = get(path);
    const read = typeof file === "string" ? readSecretFile(file) : undefined;
    if (read !== undefined && "secret" in read) found.push(read.secret.reveal());
  }
  for (const [name, value] of Object.entries(environment)) if (secretName.test(name)) found.push(value);
  // Whatever tailscaled is given may be a key under any name; its switches are too short to matter.
  for (const value of Object.values((get("tailscale.environment") as object | undefined) ?? {}))
    found.push(String(value));
  const kubeconfig = get("kubernetes.kubeconfig");
  if (typeof kubeconfig === "string") found.push(...kubeconfigSecrets(kubeconfig));
  return withVariants(
    found.filter((text) => text !== undefined && text.trim().length >= shortest) as string[],
  );
}

/** Tokens, passwords and private keys of a kubeconfig, by the names of its fields; the file may be broken. */
function kubeconfigSecrets(file: string): readonly string[] {
  try {
    const text = readFileSync(file, "utf8");
    const fields =
      /(?:token|password|client-key-data|id-token|refresh-token|client-secret)["']?\s*:\s*["']?([^\s"',}]+)/g;
    return [...text.matchAll(fields)].map(([, value = ""]) => value);
  } catch {
    return [];
  }
}

/** A secret as it is, as JSON and as base64 write it. */
function withVariants(secrets: readonly string[]): readonly string[] {
  const all = secrets.flatMap((secret) => {
    const text = secret.trim();
    return [
      text,
      JSON.stringify(text).slice(1, -1),
      Buffer.from(text).toString("base64"),
      encodeURIComponent(text),
    ];
  });
  // Longest first, so that no part of one is left when another is contained in it.
  return [...new Set(all)].toSorted((one, other) => other.length - one.length);
}

/** Secrets by their shape: private keys in PEM, JSON web tokens, user and password in a URL. */
const shapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, "[redacted private key]"],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, "[redacted token]"],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, "$1[redacted]@"],
  [/("(?:AuthURL|BrowseToURL)"\s*:\s*)"[^"]+"/g, '$1"[redacted]"'],
];

/** A text without anything of the above and without what a log line must not hold. */
export function withoutKnownSecrets(text: string, secrets: readonly string[]): string {
  const safe = redactLine(text, secrets);
  return shapes.reduce((rest, [shape, instead]) => rest.replace(shape, instead), safe);
}
