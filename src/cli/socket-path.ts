import { readFileSync } from "node:fs";
import { createKeyCatalogue } from "../config/keys/key-catalogue.ts";
import { runtimePaths } from "../config/runtime-paths.ts";
import { readYamlValues } from "../config/values/yaml-values.ts";

const fallbackRuntimeDir = "/run/headcni";

/**
 * Where the daemon of this node listens: `runtimeDir` of the environment, of the configuration file, or its default. A file that
 * is wrong elsewhere, or cannot be read, must not keep anybody from asking the daemon that runs.
 */
export function findSocketPath(
  configFile: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const runtimeDir = environment["HEADCNI_RUNTIME_DIR"] ?? runtimeDirOf(configFile) ?? fallbackRuntimeDir;
  return runtimePaths({ runtimeDir, stateDir: "" }).httpSocket;
}

function runtimeDirOf(configFile: string): string | undefined {
  try {
    const given = readYamlValues(createKeyCatalogue(), configFile, readFileSync(configFile, "utf8"));
    const value = given.values.get("runtimeDir")?.candidates[0];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
