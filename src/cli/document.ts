/** Version of all JSON documents: within it fields are added, never renamed, removed or given another meaning. */
export const documentVersion = "headcnictl/v1";

/** Head of every document that `-o json` prints. */
export interface DocumentHead<Kind extends string> {
  readonly apiVersion: typeof documentVersion;
  readonly kind: Kind;
}

export function printJson(document: unknown): string {
  return JSON.stringify(document, undefined, 2);
}
