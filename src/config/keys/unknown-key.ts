import type { ConfigProblem } from "../../domain/config-change.ts";
import type { KeyCatalogue } from "./key-catalogue.ts";
import { nearestName } from "./nearest-name.ts";

/** A problem for a key that does not exist, with the one that was probably meant or those that could stand there. */
export function unknownKey(catalogue: KeyCatalogue, path: string, source: string): ConfigProblem {
  const paths = catalogue.keys.map((entry) => entry.path);
  const [section = "", name = section] = path.split(".");
  const elsewhere = paths.find((known) => known.split(".")[1]?.toLowerCase() === name.toLowerCase());
  const near = nearestName(path, [...paths, ...catalogue.sections]) ?? elsewhere;
  const siblings = paths.filter((known) => known.startsWith(`${section}.`));
  const top = paths.filter((known) => !known.includes("."));
  const here = siblings.length > 0 ? siblings : [...top, ...catalogue.sections];
  const wanted = near === undefined ? `known here: ${here.join(", ")}` : `perhaps ${near} was meant`;
  return { path, source, found: "an unknown key", wanted };
}
