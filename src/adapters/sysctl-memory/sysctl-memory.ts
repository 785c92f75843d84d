import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import type { Sysctls } from "../../domain/guard-sysctls.ts";
import type { SysctlMemory } from "../../ports/sysctl-memory.ts";

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
      if (Object.keys(first).length > 0) return;
      await mkdir(dirname(path), { recursive: true });
      await writeWhole(path, `${JSON.stringify(values, null, 2)}\n`);
    },
    forget: () => rm(path, { force: true }),
  };
}

/** The old file or the new one, whatever happens: the write that follows changes the node. */
async function writeWhole(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}
