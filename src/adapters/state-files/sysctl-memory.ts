import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import type { Sysctls } from "../../domain/guard/guard-sysctls.ts";
import type { SysctlMemory } from "../../ports/sysctl-memory.ts";
import { writeWhole } from "../files/write-whole.ts";

const fileSchema = z.record(z.string(), z.string());

/** Keeps the values as JSON at `path`, below the directory that a reboot empties. */
export function sysctlMemory(path: string): SysctlMemory {
  const recall = async (): Promise<Sysctls> => {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "{}";
      throw error;
    });
    return fileSchema.parse(JSON.parse(text));
  };
  return {
    recall,
    remember: async (values) => {
      const first = await recall();
      if (Object.keys(values).some((name) => name in first)) return;
      await mkdir(dirname(path), { recursive: true });
      // Synced: the write that follows changes the node.
      await writeWhole(path, `${JSON.stringify({ ...first, ...values }, null, 2)}\n`, { synced: true });
    },
    forget: () => rm(path, { force: true }),
  };
}
