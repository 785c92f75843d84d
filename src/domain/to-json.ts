/** A value of a YAML document as JSON; undefined for one without an end: an alias inside its own anchor, or endless depth. */
export function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
