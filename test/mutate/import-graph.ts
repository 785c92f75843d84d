import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const imports =
  /^(?:import|export)\s(?!type\b)[^"';]*from "(\.[^"]+)"|^import "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;

/** For each file (absolute) that a test loads: how many imports lie between them. */
export function distancesFrom(
  test: string,
  cache: Map<string, readonly string[]>,
): ReadonlyMap<string, number> {
  const distances = new Map([[test, 0]]);
  for (const [file, distance] of distances)
    for (const imported of importsOf(file, cache))
      if (!distances.has(imported)) distances.set(imported, distance + 1);
  return distances;
}

function importsOf(file: string, cache: Map<string, readonly string[]>): readonly string[] {
  const known = cache.get(file);
  if (known !== undefined) return known;
  const text = file.endsWith(".ts") ? readFileSync(file, "utf8") : "";
  const found = [...text.matchAll(imports)].map(([, from, bare, dynamic]) =>
    join(dirname(file), from ?? bare ?? dynamic ?? ""),
  );
  cache.set(file, found);
  return found;
}
