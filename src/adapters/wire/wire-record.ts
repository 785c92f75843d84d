import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import type { WireRecord } from "../../ports/wire.ts";
import { writeWhole } from "../files/write-whole.ts";
import { WireError } from "./wire-error.ts";

const processSchema = z.object({ pid: z.int().min(1), startTime: z.string().regex(/^\d{1,20}$/) });
const recordSchema = z.object({
  version: z.literal(1),
  ...processSchema.shape,
  netnsInode: z.string().regex(/^\d{1,20}$/),
  tailscaled: processSchema.nullable(),
  socket: z.string(),
  startedAt: z.string(),
});

/** Where headcni-wire says what it holds. */
export function wireRecordPath(runtimeDir: string): string {
  return join(runtimeDir, "wire.json");
}

/** Throws WireError WIRE_MISSING when there is none, WIRE_UNREADABLE when it is no such record. */
export async function readWireRecord(path: string): Promise<WireRecord> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new WireError(
      `there is no ${path}: headcni-wire does not run on this node`,
      { code: "WIRE_MISSING", path },
      { cause },
    );
  });
  const parsed = recordSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`).join("; ");
  throw new WireError(`${path} is no record of headcni-wire: ${wrong}`, { code: "WIRE_UNREADABLE", path });
}

/** Replaces the record in one step. Throws FileError. It needs no sync: it means nothing after a reboot. */
export async function writeWireRecord(path: string, record: WireRecord): Promise<void> {
  await writeWhole(path, `${JSON.stringify(record)}\n`, { synced: false });
}
