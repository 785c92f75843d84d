import { readFileSync, statSync } from "node:fs";
import type { ConfigProblem } from "../domain/config-change.ts";
import { checkValues } from "./check-values.ts";
import { ConfigError } from "./config-error.ts";
import { type Config, configSchema } from "./config-schema.ts";
import type { GivenValues } from "./given-value.ts";
import { judgeValues } from "./judge-values.ts";
import { createKeyCatalogue, type KeyCatalogue } from "./key-catalogue.ts";
import { readEnvironmentValues, readFlagValues } from "./override-values.ts";
import { readCredentials } from "./read-credentials.ts";
import { readYamlValues } from "./yaml-values.ts";

/** Everything a configuration is made from; the same object serves a later reload. */
export interface ConfigSources {
  /** The YAML file; absent: environment and flags alone. */
  readonly file?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values of `--set`, "path=value", in order. */
  readonly flags: readonly string[];
}

const maxFileBytes = 1_048_576;

/** A configuration and where each of its values comes from: "config.yaml:3:9", a variable, "default". */
export interface SourcedConfig {
  readonly config: Config;
  readonly sourceOf: (path: string) => string;
}

/** Reads file, environment and flags (later ones win) and checks the whole. Throws ConfigError with every problem. */
export function loadConfig(sources: ConfigSources): Config {
  return loadSourcedConfig(sources).config;
}

/** The same, with the source of every key. */
export function loadSourcedConfig(sources: ConfigSources): SourcedConfig {
  const catalogue = createKeyCatalogue();
  const given = [
    sources.file === undefined ? nothing : readFileValues(catalogue, sources.file),
    readEnvironmentValues(catalogue, sources.environment),
    readFlagValues(catalogue, sources.flags),
  ];
  const unread = given.flatMap((part) => part.problems);
  // Without the file everything required would seem to be missing as well.
  if (unread.some(({ path }) => path === "")) throw new ConfigError(unread);
  const values = new Map(given.flatMap((part) => [...part.values]));
  const judged = judgeValues(catalogue, values);
  const view = {
    get: (path: string) => judged.parsed.get(path),
    sourceOf: (path: string) => values.get(path)?.source ?? "default",
  };
  const { authKey, apiKey, problems } = readCredentials(view);
  const all = [...unread, ...judged.problems, ...checkValues(view), ...problems];
  if (all.length > 0) throw new ConfigError(all);
  const config = configSchema.parse(nested(judged.accepted));
  return {
    config: {
      ...config,
      headscale: { ...config.headscale, ...(authKey && { authKey }), ...(apiKey && { apiKey }) },
    },
    sourceOf: view.sourceOf,
  };
}

const nothing: GivenValues = { values: new Map(), problems: [] };

function readFileValues(catalogue: KeyCatalogue, file: string): GivenValues {
  const refuse = (found: string, wanted: string): GivenValues => {
    const problem: ConfigProblem = { path: "", source: file, found, wanted };
    return { values: new Map(), problems: [problem] };
  };
  try {
    const about = statSync(file);
    if (!about.isFile()) return refuse("no regular file", "must be a YAML file");
    if (about.size > maxFileBytes)
      return refuse(`${about.size} bytes`, `must be a YAML file of at most ${maxFileBytes} bytes`);
    return readYamlValues(catalogue, file, readFileSync(file, "utf8"));
  } catch (error) {
    return refuse((error as NodeJS.ErrnoException).code ?? String(error), "must be a readable YAML file");
  }
}

function nested(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const whole: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const [section = "", name] = path.split(".");
    if (name === undefined) whole[section] = value;
    else whole[section] = { ...(whole[section] as object | undefined), [name]: value };
  }
  return whole;
}
