import { basename } from "node:path";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from "yaml";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { toJson } from "../../domain/to-json.ts";
import type { KeyCatalogue } from "../keys/key-catalogue.ts";
import { unknownKey } from "../keys/unknown-key.ts";
import type { GivenValue, GivenValues } from "./given-value.ts";

/** A key and its value in the document, or what is wrong there instead. */
type Found = { readonly path: string; readonly key: unknown; readonly value: Node | null } | ConfigProblem;

/** Reads the text of a YAML file against the catalogue; `file` only names it in problems. Never throws. */
export function readYamlValues(catalogue: KeyCatalogue, file: string, content: string): GivenValues {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${basename(file)}:${line}:${col}`;
  };
  const at = (node: unknown) => place((node as Node | null)?.range?.[0] ?? 0);
  const faults = [...document.errors, ...document.warnings].map(
    ({ pos, message }): ConfigProblem => ({
      path: "",
      source: place(pos[0]),
      found: "bad YAML",
      wanted: message,
    }),
  );
  const values = new Map<string, GivenValue>();
  const problems: ConfigProblem[] = [...faults];
  for (const found of faults.length > 0 ? [] : findKeys(catalogue, document, at)) {
    if ("wanted" in found) problems.push(found);
    else if (catalogue.byPath(found.path) === undefined)
      problems.push(unknownKey(catalogue, found.path, at(found.key)));
    else {
      const read = toValue(document, found.value);
      const source = at(found.key);
      if ("fault" in read) problems.push({ path: found.path, source, found: "bad YAML", wanted: read.fault });
      // A key without a value counts as absent, as in a file whose values are commented out.
      else if (read.value !== null) values.set(found.path, { source, candidates: [read.value] });
    }
  }
  return { values, problems };
}

function findKeys(
  catalogue: KeyCatalogue,
  document: Document,
  at: (node: unknown) => string,
): readonly Found[] {
  return entriesOf("", document, document.contents, at).flatMap((entry) => {
    if ("wanted" in entry || !catalogue.sections.includes(entry.path)) return [entry];
    return entriesOf(entry.path, document, entry.value, at);
  });
}

function entriesOf(
  section: string,
  document: Document,
  node: unknown,
  at: (node: unknown) => string,
): readonly Found[] {
  if (node === null || (isScalar(node) && node.value === null)) return [];
  if (!isMap(node)) {
    const wanted = section === "" ? "must be a map of sections" : `must be a map of the keys of ${section}`;
    return [{ path: section, source: at(node), found: "another kind of value", wanted }];
  }
  return node.items.map(({ key, value }: Pair) => {
    const name = isScalar(key) && typeof key.value === "string" ? key.value : String(key);
    const target = isAlias(value) ? value.resolve(document) : value;
    return {
      path: section === "" ? name : `${section}.${name}`,
      key,
      value: (target ?? null) as Node | null,
    };
  });
}

function toValue(
  document: Document,
  node: Node | null,
): { readonly value: unknown } | { readonly fault: string } {
  try {
    const value: unknown = node?.toJS(document, { maxAliasCount: 50 }) ?? null;
    return toJson(value) === undefined
      ? { fault: "must not contain itself, nor have thousands of levels" }
      : { value };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}
