import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Struct } from "../../../../src/adapters/netlink/wire-format/struct.ts";

const folder = join(import.meta.dirname, "../../../../src/adapters/netlink/wire-format/include");

/** What the wire format takes from one kernel header: numbers by the C expression that has the same value. */
export interface HeaderNumbers {
  readonly header: string;
  readonly numbers: Readonly<Record<string, number>>;
}

/** All that the files in `wire-format/include` export. Throws for an export that is neither a struct nor a group of constants. */
export async function headerNumbers(): Promise<readonly HeaderNumbers[]> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".ts")).sort();
  return Promise.all(
    files.map(async (file) => {
      const exported: Readonly<Record<string, unknown>> = await import(join(folder, file));
      const numbers = Object.entries(exported).flatMap(([name, value]) => numbersOf(name, value));
      return { header: file.replace(/ts$/, "h"), numbers: Object.fromEntries(numbers) };
    }),
  );
}

function numbersOf(name: string, value: unknown): readonly (readonly [string, number])[] {
  if (isStruct(value)) {
    const fields = Object.entries(value.fields).flatMap(([field, [offset, size]]) => [
      [`offsetof(struct ${name}, ${field})`, offset] as const,
      [`sizeof(((struct ${name} *)0)->${field})`, size] as const,
    ]);
    return [[`sizeof(struct ${name})`, value.size], ...fields];
  }
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  if (entries.length === 0 || entries.some(([, number]) => typeof number !== "number"))
    throw new Error(`${name} is neither a struct nor a group of constants`);
  return entries.map(([key, number]) => [`${name}_${key}`, number] as const);
}

function isStruct(value: unknown): value is Struct {
  return typeof value === "object" && value !== null && "size" in value && "fields" in value;
}
