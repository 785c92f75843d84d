import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { runInNewContext } from "node:vm";

const folder = join(import.meta.dirname, "../../../../src/adapters/netlink");
/** A constant of the module with an initializer that ends in this or a later line. */
const declaration = /^(?:export )?const (\w+)(?:: [^=]+)? =\s+([^;]+);$/gm;

/**
 * Every number that a file of the netlink adapter names at its top level, exported or not: "file name", "file name.key"
 * for objects, "file name.0" and so on for sets. What is computed from other names is left out, as are the kernel headers of the
 * wire format (header-numbers.ts).
 */
export async function sourceConstants(): Promise<ReadonlyMap<string, number>> {
  const files = (await readdir(folder, { recursive: true }))
    .filter((file) => file.endsWith(".ts") && !file.startsWith("wire-format/include/"))
    .sort();
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), "utf8");
      return [...text.matchAll(declaration)].flatMap(([, name = "", initializer = ""]) =>
        numbersIn(`${basename(file, ".ts")} ${name}`, evaluated(initializer)),
      );
    }),
  );
  return new Map(found.flat());
}

/** Undefined for what needs more than the language itself. */
function evaluated(initializer: string): unknown {
  try {
    return runInNewContext(`(${initializer.replace(/ as const$/, "")})`);
  } catch {
    return undefined;
  }
}

function numbersIn(name: string, value: unknown): readonly (readonly [string, number])[] {
  if (typeof value === "number") return [[name, value]];
  if (typeof value !== "object" || value === null) return [];
  const inner = Symbol.iterator in value ? [...(value as Iterable<unknown>)] : value;
  return Object.entries(inner).flatMap(([key, item]) => numbersIn(`${name}.${key}`, item));
}
