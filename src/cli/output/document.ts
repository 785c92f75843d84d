import { visible } from "../../protocol/visible-text.ts";

/** Version of all JSON documents: within it fields are added, never renamed, removed or given another meaning. */
const apiVersion = "headcnictl/v1";

/** A document as `-o json` prints it. */
export function printDocument(kind: string, body: object): string {
  return visible(JSON.stringify({ apiVersion, kind, ...body }, undefined, 2));
}

/** A document that may be printed as text: what peers, programs and servers wrote into it moves no cursor. Gives a copy. */
export function visibleDocument<Document>(document: Document): Document {
  return visibleValue(document) as Document;
}

function visibleValue(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  if (Array.isArray(value)) return value.map(visibleValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [visible(name), visibleValue(one)]));
}
