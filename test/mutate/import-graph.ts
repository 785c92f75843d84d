import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../bootstrap/checks.ts";

const imports =
  /^(?:import|export)\s(?!type\b)[^"';]*from "(\.[^"]+)"|^import "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;

const beside = join(root, "test/");

/**
 * For each file (absolute) that a test loads: through how many source files it comes, itself counted. What stands beside
 * the tests, under `test/`, counts as the test.
 */
export function distancesFrom(
  test: string,
  cache: Map<string, readonly string[]>,
): ReadonlyMap<string, number> {
  const distances = new Map([[test, 0]]);
  const visit = (file: string, distance: number): void => {
    for (const imported of importsOf(file, cache)) {
      const further = imported.startsWith(beside) ? distance : distance + 1;
      if (further >= (distances.get(imported) ?? Infinity)) continue;
      distances.set(imported, further);
      visit(imported, further);
    }
  };
  visit(test, 0);
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
