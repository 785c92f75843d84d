/** Version of all JSON documents: within it fields are added, never renamed, removed or given another meaning. */
const apiVersion = "headcnictl/v1";

/** A document as `-o json` prints it. */
export function printDocument(kind: string, body: object): string {
  return JSON.stringify({ apiVersion, kind, ...body }, undefined, 2);
}
