import { parseJson } from "../../../domain/parse-json.ts";

/**
 * JSON with comments and trailing commas (HuJSON), as Headscale's policy is written, turned into plain JSON text. Strings stay as
 * they are; what is removed becomes blanks, so places in error messages stay right.
 */
function plainJson(text: string): string {
  // A string, a comment, or a comma with nothing but blanks and comments before the closing bracket.
  const token = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  const withoutComments = text.replace(token, (found) =>
    found.startsWith('"') ? found : found.replace(/[^\n]/g, " "),
  );
  return withoutComments.replace(/"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])/g, (found) =>
    found === "," ? " " : found,
  );
}

/** Undefined when it is no HuJSON object. */
export function parsePolicy(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(plainJson(text));
  return isRecord(value) ? value : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The texts in a list; anything else is left out. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}
