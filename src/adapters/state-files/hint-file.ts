import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { AddressHints } from "../../ports/address-hints.ts";
import { type FileError, writeWhole } from "../files/write-whole.ts";

const hints = z.array(
  z.object({
    prefix: z.string(),
    cursor: z.number(),
    resting: z.array(z.object({ offset: z.number(), sinceMs: z.number() })),
  }),
);

/**
 * Address hints as JSON in one file, replaced by rename; not synced, because nothing depends on it: a full disk costs the hints
 * of that moment. `notWritten` hears of the first failure after each success.
 */
export function createHintFile(
  path: string,
  notWritten: (error: FileError) => void = () => undefined,
): AddressHints {
  let failing = false;
  return {
    async read() {
      try {
        return hints.parse(JSON.parse(await readFile(path, "utf8")));
      } catch {
        // Absent after a boot; anything else that is wrong with it is no reason not to start.
        return [];
      }
    },
    async write(value) {
      try {
        await writeWhole(path, JSON.stringify(value), { synced: false });
        failing = false;
      } catch (error) {
        if (!failing) notWritten(error as FileError);
        failing = true;
      }
    },
  };
}
