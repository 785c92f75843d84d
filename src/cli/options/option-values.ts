import { CliError } from "../cli-error.ts";

/** The value of an option that takes a text; undefined where it was not given. */
export function textOf(given: string | boolean | undefined): string | undefined {
  return typeof given === "string" ? given : undefined;
}

/** The value of an option that takes a whole number. Throws CliError. */
export function wholeNumber(
  flag: string,
  given: string | boolean | number,
  [min, max]: readonly [number, number],
): number {
  const number = Number(given);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  const range = max === Number.POSITIVE_INFINITY ? `above ${min - 1}` : `from ${min} to ${max}`;
  throw new CliError("USAGE", `${flag} must be a whole number ${range}, not "${given}"`);
}
