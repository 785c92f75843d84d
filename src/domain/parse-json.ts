/** What a text holds as JSON; undefined for what is none. No schema of an object takes that. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
