import { parse, type ValueNode } from "@humanwhocodes/momoa";
import { type Place, PolicyTextError } from "./policy-text-error.ts";

/** A value of a HuJSON text, and where it begins. */
export type Hujson = { readonly at: Place } & (
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "list"; readonly items: readonly Hujson[] }
  | { readonly kind: "object"; readonly members: readonly HujsonMember[] }
  /** A number or a boolean, which a policy has nowhere that counts here. */
  | { readonly kind: "other"; readonly value: number | boolean }
  | { readonly kind: "null" }
);

export interface HujsonMember {
  readonly name: string;
  /** Of the name. */
  readonly at: Place;
  readonly value: Hujson;
}

/** A policy has six levels; the parser calls itself for each. */
const maxLevels = 100;

/**
 * JSON with comments and trailing commas (HuJSON), as Headscale's policy is written. Refuses what Headscale refuses in it
 * (github.com/tailscale/hujson, go-json-experiment): a name twice in one object, control characters in texts. Throws PolicyTextError
 * NO_HUJSON.
 */
export function readHujson(text: string): Hujson {
  const source = { text, placeAt: placesIn(text) };
  try {
    return treeOf(parse(text, { mode: "jsonc", allowTrailingCommas: true }).body, source, 1);
  } catch (error) {
    if (error instanceof PolicyTextError) throw error;
    if (error instanceof RangeError) throw refusal({ line: 1, column: 1 }, tooDeep);
    throw refusalOf(error, source);
  }
}

interface Source {
  readonly text: string;
  readonly placeAt: (offset: number) => Place;
}

/** The parser takes a carriage return alone for the end of a line, which Headscale and editors do not. */
function placesIn(text: string): Source["placeAt"] {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

const tooDeep = `finds more than ${maxLevels} levels of brackets`;

function refusal(at: Place, fault: string): PolicyTextError {
  return new PolicyTextError("NO_HUJSON", at, fault);
}

/** The parser's errors are told by what they carry; of a text that ends too early most name the last token. */
function refusalOf(error: unknown, { text, placeAt }: Source): unknown {
  const { offset, message } = error as { readonly offset?: unknown; readonly message?: unknown };
  if (typeof offset !== "number") return error;
  const rest = text.slice(offset);
  const lastToken = /^(?:[[{,:]|"(?:[^"\\]|\\.)*"?|-?\d[\d.eE+-]*|true|false|null|\/\/.*|\/\*[\s\S]*)\s*$/;
  if (lastToken.test(rest) || /^Unexpected end/.test(String(message)))
    return refusal(placeAt(text.trimEnd().length), "finds the end of the text too early");
  return refusal(
    placeAt(offset),
    `finds ${JSON.stringify(String.fromCodePoint(rest.codePointAt(0) ?? 0))} out of place`,
  );
}

function treeOf(node: ValueNode, source: Source, level: number): Hujson {
  const { offset } = node.loc.start;
  const at = source.placeAt(offset);
  if (level > maxLevels) throw refusal(at, tooDeep);
  switch (node.type) {
    case "String":
      refuseControls(source.text.slice(offset, node.loc.end.offset), at);
      return { at, kind: "text", value: node.value };
    case "Array":
      return { at, kind: "list", items: node.elements.map(({ value }) => treeOf(value, source, level + 1)) };
    case "Object": {
      const members = node.members.map(({ name, value }): HujsonMember => {
        const named = treeOf(name as ValueNode, source, level + 1);
        // An identifier as a name is JSON5's alone.
        return {
          name: named.kind === "text" ? named.value : "",
          at: named.at,
          value: treeOf(value, source, level + 1),
        };
      });
      refuseTwice(members);
      return { at, kind: "object", members };
    }
    case "Null":
      return { at, kind: "null" };
    case "Number":
    case "Boolean":
      return { at, kind: "other", value: node.value };
    default:
      throw refusal(at, `finds ${node.type}, which JSON has not`);
  }
}

function refuseControls(quoted: string, at: Place): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f]/.test(quoted)) throw refusal(at, "finds a control character in a text");
}

function refuseTwice(members: readonly HujsonMember[]): void {
  const names = new Set<string>();
  for (const { name, at } of members) {
    if (names.has(name)) throw refusal(at, `finds ${JSON.stringify(name)} a second time`);
    names.add(name);
  }
}
