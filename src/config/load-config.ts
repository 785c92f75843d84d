import { readFileSync, statSync } from "node:fs";
import type { ConfigProblem } from "../domain/config-change.ts";
import { ConfigError } from "./config-error.ts";
import type { Config, ConfigValues } from "./config-schema.ts";
import { createKeyCatalogue, type KeyCatalogue } from "./keys/key-catalogue.ts";
import { splitRetired } from "./keys/retired-keys.ts";
import { type Credentials, readCredentials } from "./read-credentials.ts";
import { checkValues } from "./values/check-values.ts";
import type { GivenValues } from "./values/given-value.ts";
import { judgeValues } from "./values/judge-values.ts";
import { readEnvironmentValues, readFlagValues } from "./values/override-values.ts";
import { readYamlValues } from "./values/yaml-values.ts";

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
  /** Keys of an earlier release: nobody reads them any more, and the log says so. */
  readonly retired: readonly ConfigProblem[];
}

/** A program that needs no keys leaves them unread, and runs where there are none. */
interface KeyReading {
  readonly credentials: "read" | "unread";
}

/** Reads file, environment and flags (later ones win) and checks the whole. Throws ConfigError with every problem. */
export function loadConfig(sources: ConfigSources, keys: KeyReading = { credentials: "read" }): Config {
  return loadSourcedConfig(sources, keys).config;
}

/** The keys of a configuration, for those who have to keep them out of what they write. */
export function secretsOf({ headscale: { authKey, apiKey } }: Config): readonly string[] {
  return [authKey, apiKey].flatMap((secret) => (secret === undefined ? [] : [secret.reveal()]));
}

/** The same, with the source of every key. */
export function loadSourcedConfig(
  sources: ConfigSources,
  keys: KeyReading = { credentials: "read" },
): SourcedConfig {
  const { config, sourceOf, retired, problems } = examineConfig(sources, keys);
  if (config === undefined) throw new ConfigError(problems);
  return { config, sourceOf, retired };
}

/** What there is of a configuration, right or wrong. */
export interface ExaminedConfig extends Pick<SourcedConfig, "sourceOf" | "retired"> {
  /** The parsed value of a key, its default included; undefined where it is missing or wrong. */
  readonly get: (path: string) => unknown;
  readonly problems: readonly ConfigProblem[];
  /** Undefined when there are problems. */
  readonly config: Config | undefined;
}

/** The same as `loadSourcedConfig`, for those who have use for the right parts of a wrong configuration. */
export function examineConfig(
  sources: ConfigSources,
  { credentials }: KeyReading = { credentials: "read" },
): ExaminedConfig {
  const catalogue = createKeyCatalogue();
  const given = [
    sources.file === undefined ? nothing : readFileValues(catalogue, sources.file),
    readEnvironmentValues(catalogue, sources.environment),
    readFlagValues(catalogue, sources.flags),
  ];
  const { problems: unread, retired } = splitRetired(given.flatMap((part) => part.problems));
  const values = new Map(given.flatMap((part) => [...part.values]));
  const judged = judgeValues(catalogue, values);
  const view = {
    get: (path: string) => judged.parsed.get(path),
    sourceOf: (path: string) => values.get(path)?.source ?? "default",
    retired,
  };
  // Without the file everything required would seem to be missing as well.
  if (unread.some(({ path }) => path === "")) return { ...view, problems: unread, config: undefined };
  const { authKey, apiKey, problems } = credentials === "read" ? readCredentials(view) : noCredentials;
  const all = [...unread, ...judged.problems, ...checkValues(view), ...problems];
  if (all.length > 0) return { ...view, problems: all, config: undefined };
  // Each value went through its key's schema.
  const config = nested(judged.parsed) as ConfigValues;
  return {
    ...view,
    problems: [],
    config: {
      ...config,
      headscale: { ...config.headscale, ...(authKey && { authKey }), ...(apiKey && { apiKey }) },
    },
  };
}

const noCredentials: Credentials = { problems: [] };
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
