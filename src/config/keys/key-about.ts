import * as z from "zod";

/** What people are told about a configuration key; documentation and JSON Schema are generated from it. */
export interface KeyAbout {
  readonly description: string;
  /** What a value must be, as a clause that follows "must be": error messages end in it. */
  readonly mustBe: string;
  /** As it would stand in the YAML file. */
  readonly example: unknown;
  /** A default that differs from machine to machine, in words. */
  readonly defaultMeans?: string;
  /** "seconds", "bytes"; absent where the value has none. */
  readonly unit?: string;
  /** Never printed, never taken from the command line (any user can read a process list). */
  readonly secret?: true;
  /** "live": a running daemon takes the new value. Otherwise why only a restart does. */
  readonly change: "live" | { readonly restart: string };
}

/** Registry of every key's KeyAbout; `z.toJSONSchema(configSchema, { metadata: keyAbout })` prints it. */
export const keyAbout = z.registry<KeyAbout>();

/** Attaches what people are told about the key to its schema. */
export function key<Schema extends z.ZodType>(schema: Schema, about: KeyAbout): Schema {
  keyAbout.add(schema, about);
  return schema;
}
