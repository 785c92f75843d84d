import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { OwnerTerms } from "../../domain/owner/owner-terms.ts";
import { parseJson } from "../../domain/parse-json.ts";
import { replaceFile } from "../files/write-whole.ts";

const termsSchema = z.object({
  version: z.literal(1),
  tunnel: z.object({ name: z.string(), mtu: z.int() }),
  addresses: z.array(z.string()),
  confineTable52: z.enum(["none", "toTailnet", "behindMain"]),
  magicDns: z.boolean(),
  netfilter: z.enum(["off", "nodivert", "on"]),
  elsewhere: z.boolean().default(false),
});

/** Null where there are none, or none that this release reads: then nothing is known of the owner's tailscaled. */
export async function readOwnerTerms(path: string): Promise<OwnerTerms | null> {
  const text = await readFile(path, "utf8").catch(() => "");
  const parsed = termsSchema.safeParse(parseJson(text));
  if (!parsed.success) return null;
  const { version: _, ...terms } = parsed.data;
  return terms;
}

/** Written whole and synced: needed at the next boot, before tailscaled. Throws FileError. */
export async function writeOwnerTerms(path: string, terms: OwnerTerms, signal?: AbortSignal): Promise<void> {
  await replaceFile(path, `${JSON.stringify({ version: 1, ...terms })}\n`, signal);
}
