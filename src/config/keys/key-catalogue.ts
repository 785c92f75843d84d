import * as z from "zod";
import { configSchema } from "../config-schema.ts";
import { type KeyAbout, keyAbout } from "./key-about.ts";

/** One key of the configuration, found by walking the schema. */
export interface ConfigKey {
  /** "network.podCIDR". */
  readonly path: string;
  /** "HEADCNI_NETWORK_POD_CIDR". */
  readonly variable: string;
  readonly schema: z.ZodType;
  readonly about: KeyAbout;
}

export interface KeyCatalogue {
  readonly keys: readonly ConfigKey[];
  readonly sections: readonly string[];
  byPath(path: string): ConfigKey | undefined;
  byVariable(variable: string): ConfigKey | undefined;
}

/** Every key of `configSchema`, in its order. Throws if a key has no `KeyAbout`: a bug that the first test shows. */
export function createKeyCatalogue(): KeyCatalogue {
  const keys: ConfigKey[] = [];
  const sections: string[] = [];
  for (const [name, schema] of Object.entries(configSchema.shape)) {
    const section = sectionShape(schema);
    if (section === undefined) keys.push(describeKey(name, schema));
    else {
      sections.push(name);
      for (const [leaf, leafSchema] of Object.entries(section))
        keys.push(describeKey(`${name}.${leaf}`, leafSchema));
    }
  }
  const paths = new Map(keys.map((entry) => [entry.path, entry]));
  const variables = new Map(keys.map((entry) => [entry.variable, entry]));
  return {
    keys,
    sections,
    byPath: (path) => paths.get(path),
    byVariable: (variable) => variables.get(variable),
  };
}

function sectionShape(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  if (!(schema instanceof z.ZodPrefault)) return undefined;
  const inner = schema.unwrap();
  return inner instanceof z.ZodObject ? (inner.shape as Readonly<Record<string, z.ZodType>>) : undefined;
}

function describeKey(path: string, schema: z.ZodType): ConfigKey {
  const about = keyAbout.get(schema);
  if (about === undefined) throw new TypeError(`the configuration key ${path} is not described`);
  return { path, variable: variableName(path), schema, about };
}

function variableName(path: string): string {
  const words = path.replaceAll(".", "_").replace(/([a-z0-9])([A-Z])/g, "$1_$2");
  return `HEADCNI_${words.toUpperCase()}`;
}
