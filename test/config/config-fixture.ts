import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../src/config/config-error.ts";
import type { Config } from "../../src/config/config-schema.ts";
import { type ConfigSources, loadConfig } from "../../src/config/load-config.ts";
import type { ConfigProblem } from "../../src/domain/config-change.ts";

/** A directory of its own with an auth key, an API key and configuration files. */
export interface ConfigDirectory extends Disposable {
  readonly path: string;
  readonly authKeyFile: string;
  readonly apiKeyFile: string;
  write(name: string, content: string): string;
  /** Loads `content` as config.yaml with the overrides. */
  load(content: string, overrides?: Partial<ConfigSources>): Config;
  /** The problems that `load` reports; throws when it reports none. */
  problems(content: string, overrides?: Partial<ConfigSources>): readonly ConfigProblem[];
  /** The smallest valid file, plus lines. */
  minimal(...lines: readonly string[]): string;
}

export function openConfigDirectory(): ConfigDirectory {
  const path = mkdtempSync(join(tmpdir(), "headcni-config-"));
  const write = (name: string, content: string) => {
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
  const load = (content: string, overrides: Partial<ConfigSources> = {}) =>
    loadConfig({ file: write("config.yaml", content), environment: {}, flags: [], ...overrides });
  const authKeyFile = write("auth-key", "hskey-auth-abc123-secretsecret\n");
  return {
    path,
    authKeyFile,
    apiKeyFile: write("api-key", "hskey-api-abc123-secretsecret\n"),
    write,
    load,
    problems(content, overrides) {
      try {
        load(content, overrides);
      } catch (error) {
        if (error instanceof ConfigError) return error.detail.problems;
        throw error;
      }
      throw new Error("the configuration was accepted");
    },
    minimal: (...lines) =>
      [
        `headscale: { url: "http://10.99.0.1:8080", authKeyFile: ${authKeyFile} }`,
        "network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24 }",
        ...lines,
      ].join("\n"),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
