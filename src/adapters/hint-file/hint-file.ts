import { readFile, rename, writeFile } from "node:fs/promises";
import * as z from "zod";
import type { AddressHints } from "../../ports/address-hints.ts";

const hints = z.array(
  z.object({
    prefix: z.string(),
    cursor: z.number(),
    resting: z.array(z.object({ offset: z.number(), sinceMs: z.number() })),
  }),
);

/** Address hints as JSON in one file, replaced by rename; not synced, because nothing depends on it. */
export function createHintFile(path: string): AddressHints {
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
        await writeFile(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
        await rename(`${path}.new`, path);
      } catch {
        // A full disk costs the hints of this moment, nothing else.
      }
    },
  };
}
