import * as z from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import { TailscaleError } from "./tailscale-error.ts";

/** JSON text of the LocalAPI under a schema. Throws UNREADABLE with the path of what does not fit, never with content. */
export function parseAnswer<Schema extends z.ZodType>(
  path: string,
  answer: string,
  schema: Schema,
): z.output<Schema> {
  const json = parseJson(answer);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const text = json === undefined ? "not JSON" : z.prettifyError(parsed.error).slice(0, 500);
  throw new TailscaleError(`tailscaled's answer to ${path} is not what this version reads: ${text}`, {
    code: "UNREADABLE",
    path,
    text,
  });
}
