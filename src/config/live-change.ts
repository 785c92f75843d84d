import { isDeepStrictEqual } from "node:util";
import type { ConfigChange, RefusedChange } from "../domain/config-change.ts";
import { showValue } from "./config-error.ts";
import type { Config } from "./config-schema.ts";
import { createKeyCatalogue } from "./keys/key-catalogue.ts";
import { isSecret } from "./secret.ts";
import { valueAt } from "./values/judge-values.ts";

/** What a running daemon takes of a new configuration. */
export interface LiveChange {
  /** `previous` with the live keys of `next`: what holds from now on. */
  readonly config: Config;
  readonly changes: readonly ConfigChange[];
  readonly refused: readonly RefusedChange[];
}

/** Splits the differences into those that apply at once and those that need a restart, by each key's KeyAbout. */
export function liveChange(previous: Config, next: Config): LiveChange {
  const changes: ConfigChange[] = [];
  const refused: RefusedChange[] = [];
  let config = previous;
  const keyless = ({ headscale, tailscale }: Config) =>
    headscale.authKey === undefined && (headscale.approval === "api" || tailscale.mode === "host");
  const otherSource = keyless(previous) !== keyless(next);
  for (const { path, about } of createKeyCatalogue().keys) {
    const [from, to] = [valueAt(previous, path.split(".")), valueAt(next, path.split("."))];
    if (same(from, to)) continue;
    const change = { path, from: showValue(from), to: showValue(to) };
    if (about.change !== "live") refused.push({ ...change, because: about.change.restart });
    else if (otherSource && path.startsWith("headscale.authKey"))
      refused.push({ ...change, because: "it decides who logs the node in, with which key" });
    else {
      changes.push(change);
      config = withValue(config, path, to);
    }
  }
  if (!same(previous.headscale.apiKey, next.headscale.apiKey) && next.headscale.approval === "api") {
    changes.push({
      path: "headscale.apiKey",
      from: showValue(previous.headscale.apiKey),
      to: showValue(next.headscale.apiKey),
    });
    config = withValue(config, "headscale.apiKey", next.headscale.apiKey);
  }
  return { config, changes, refused };
}

function same(a: unknown, b: unknown): boolean {
  return isSecret(a) && isSecret(b) ? a.reveal() === b.reveal() : isDeepStrictEqual(a, b);
}

function withValue(config: Config, path: string, value: unknown): Config {
  const [section = "", name = ""] = path.split(".");
  const inner = { ...(valueAt(config, [section]) as object), [name]: value };
  return { ...config, [section]: inner };
}
