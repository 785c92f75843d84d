/** Gives a value of a YAML document back. Throws for one without an end: an alias that stands inside its own anchor, or endless depth. */
export function finiteValue(value: unknown): unknown {
  try {
    JSON.stringify(value);
  } catch (cause) {
    throw new Error("must not contain itself, nor have thousands of levels", { cause });
  }
  return value;
}
