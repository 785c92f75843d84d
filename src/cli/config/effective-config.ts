import type { KeyCatalogue } from "../../config/keys/key-catalogue.ts";
import type { SourcedConfig } from "../../config/load-config.ts";
import { redacted } from "../../config/secret.ts";
import { valueAt } from "../../config/values/judge-values.ts";

/** One key as the daemon would start with it. */
export interface EffectiveValue {
  readonly path: string;
  /** "[redacted]" for a secret that is set; null when there is none. */
  readonly value: unknown;
  /** "config.yaml:3:9", "HEADCNI_NETWORK_MTU", "default". */
  readonly source: string;
}

/**
 * Every key with its value and where that comes from. Values of `tailscale.environment` are hidden: a variable such as
 * TS_AUTHKEY holds a secret under a name that nobody can foresee.
 */
export function effectiveConfig(
  { config, sourceOf }: SourcedConfig,
  { keys }: KeyCatalogue,
): readonly EffectiveValue[] {
  return keys.map(({ path, about }) => {
    const value = valueAt(config, path.split("."));
    return {
      path,
      value: value === undefined ? null : about.secret === true ? redacted : safe(path, value),
      // The key's text that a file holds is nobody's default.
      source:
        about.secret === true && value !== undefined && sourceOf(path) === "default"
          ? `${path}File`
          : sourceOf(path),
    };
  });
}

function safe(path: string, value: unknown): unknown {
  if (path !== "tailscale.environment" || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.keys(value).map((name) => [name, redacted]));
}
