import * as z from "zod";
import { TailscaleError } from "./tailscale-error.ts";

/** JSON text of the LocalAPI under a schema. Throws UNREADABLE with the path of what does not fit, never with content. */
export function parseAnswer<Schema extends z.ZodType>(
  path: string,
  answer: string,
  schema: Schema,
): z.output<Schema> {
  const parsed = schema.safeParse(parseJson(path, answer));
  if (parsed.success) return parsed.data;
  throw unreadable(path, z.prettifyError(parsed.error).slice(0, 500));
}

function parseJson(path: string, answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw unreadable(path, "not JSON");
  }
}

function unreadable(path: string, text: string): TailscaleError {
  return new TailscaleError(`tailscaled's answer to ${path} is not what this version reads: ${text}`, {
    code: "UNREADABLE",
    path,
    text,
  });
}
