import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import type { ConfigProblem } from "../domain/config-change.ts";
import { isHostMode } from "./check-host-mode.ts";
import { createSecret, isSecret, type Secret } from "./secret.ts";
import { problemAt, type ValueView } from "./values/value-view.ts";

export interface Credentials {
  readonly authKey?: Secret;
  readonly apiKey?: Secret;
  readonly problems: readonly ConfigProblem[];
}

/** Finds the keys that the way of approval needs, reading their files. */
export function readCredentials(view: ValueView): Credentials {
  const inline = view.get("headscale.authKey");
  const authKeyFile = view.get("headscale.authKeyFile");
  const apiKeyFile = view.get("headscale.apiKeyFile");
  const approval = view.get("headscale.approval");
  const problems: ConfigProblem[] = [];
  const report = (path: string, found: string, wanted: string) =>
    problems.push(problemAt(view, path, found, wanted));

  const isGiven = (path: string) => view.sourceOf(path) !== "default";
  const hasAuthKey = isGiven("headscale.authKey") || isGiven("headscale.authKeyFile");
  const hasApiKey = isGiven("headscale.apiKeyFile");
  if (inline !== undefined && authKeyFile !== undefined)
    report("headscale.authKeyFile", "both authKey and authKeyFile", "must be one of them: remove the other");
  // The owner of the node's tailscaled may log it in.
  if (approval !== "api" && !hasAuthKey && !isHostMode(view))
    report(
      "headscale.authKeyFile",
      "nothing",
      `must name a file with a pre-auth key (approval: ${approval})`,
    );
  if (approval !== "api" && hasApiKey)
    report("headscale.apiKeyFile", "an API key", "must be absent: only approval: api uses it");
  if (approval === "api" && !hasApiKey)
    report("headscale.apiKeyFile", "nothing", "must name a file with an API key (approval: api)");

  const read = (path: string, file: unknown): Secret | undefined => {
    if (typeof file !== "string") return undefined;
    const content = readSecretFile(file);
    if ("secret" in content) return content.secret;
    // headcni-controller writes it when it can; a login reads the file again.
    if (approval === "controller" && path === "headscale.authKeyFile" && content.fault === "ENOENT")
      return undefined;
    report(path, `${file}: ${content.fault}`, "must be a readable file that holds one key");
    return undefined;
  };
  const authKey = isSecret(inline) ? inline : read("headscale.authKeyFile", authKeyFile);
  const apiKey = read("headscale.apiKeyFile", apiKeyFile);
  return { ...(authKey && { authKey }), ...(apiKey && { apiKey }), problems };
}

/** The one key in a file, or why there is none; never throws. Also for reading a key again when a login needs it. */
export function readSecretFile(file: string): { readonly secret: Secret } | { readonly fault: string } {
  let descriptor: number | undefined;
  try {
    // O_NONBLOCK: a FIFO in the place of the file must not hang the daemon.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const about = fstatSync(descriptor);
    if (!about.isFile()) return { fault: "not a regular file" };
    if (about.size > 4096) return { fault: `${about.size} bytes, more than a key has` };
    const content = readFileSync(descriptor, "utf8").trim();
    if (content === "") return { fault: "empty" };
    if (!/^[!-~]+$/.test(content)) return { fault: "holds more than one word of printable ASCII" };
    return { secret: createSecret(content) };
  } catch (error) {
    return { fault: (error as NodeJS.ErrnoException).code ?? String(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
