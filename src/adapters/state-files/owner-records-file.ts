import { readFile } from "node:fs/promises";
import * as z from "zod";
import { isEmpty, type OwnerRecords } from "../../domain/owner/owner-preferences.ts";
import { parseJson } from "../../domain/parse-json.ts";
import { replaceFile } from "../files/write-whole.ts";
import { OwnerError } from "../owner/owner-error.ts";

const recordsSchema = z.object({
  version: z.literal(1),
  profiles: z.record(z.string(), z.object({ routes: z.array(z.string()), acceptsRoutes: z.boolean() })),
});

/** None where there is no file. Throws OwnerError RECORDS_UNREADABLE: what is ours must not be taken for the owner's. */
export async function readOwnerRecords(path: string): Promise<OwnerRecords> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unreadable(path, error.code ?? error.message, error);
  });
  if (text === undefined) return {};
  const parsed = recordsSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.profiles;
  const [first] = parsed.error.issues;
  throw unreadable(path, `${first?.path.join(".")}: ${first?.message}`, parsed.error);
}

/** Whether a profile holds something of ours. Throws RECORDS_UNREADABLE. */
export async function holdsOurs(path: string): Promise<boolean> {
  return Object.values(await readOwnerRecords(path)).some((record) => !isEmpty(record));
}

/** Written whole and synced: it is needed after a power cut. Throws FileError. */
export async function writeOwnerRecords(path: string, profiles: OwnerRecords): Promise<void> {
  await replaceFile(path, `${JSON.stringify({ version: 1, profiles })}\n`);
}

function unreadable(path: string, reason: string, cause: unknown): OwnerError {
  const message = `${path} does not say what HeadCNI added to the node's tailscaled: ${reason}`;
  return new OwnerError(message, { code: "RECORDS_UNREADABLE", path }, { cause });
}
