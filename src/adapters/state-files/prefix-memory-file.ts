import { readFile } from "node:fs/promises";
import { z } from "zod";
import { formatPrefix, parsePrefix } from "../../domain/addresses/prefix.ts";
import type { PrefixMemory } from "../../ports/prefix-memory.ts";
import { replaceFile } from "../files/write-whole.ts";

const memorySchema = z.looseObject({ nodeName: z.string() });
const prefixesSchema = z.array(z.string());

/** The memory in a file of the state directory, below `key`; that of a node with another name counts as none. */
export function createPrefixMemory({
  path,
  nodeName,
  key,
}: {
  readonly path: string;
  readonly nodeName: string;
  readonly key: "podCIDRs" | "serviceCIDRs";
}): PrefixMemory {
  return {
    async recall() {
      try {
        const memory = memorySchema.parse(JSON.parse(await readFile(path, "utf8")));
        if (memory.nodeName !== nodeName) return [];
        return prefixesSchema.parse(memory[key]).map((text) => formatPrefix(parsePrefix(text)));
      } catch {
        return [];
      }
    },
    async remember(prefixes, signal) {
      await replaceFile(path, `${JSON.stringify({ nodeName, [key]: prefixes })}\n`, signal);
    },
  };
}
