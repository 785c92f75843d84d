import { readFile } from "node:fs/promises";
import { z } from "zod";
import { formatPrefix, parsePrefix } from "../../domain/prefix.ts";
import type { NodeMemory } from "../../ports/node-memory.ts";
import { replaceFile } from "../files/write-whole.ts";

const memorySchema = z.object({ nodeName: z.string(), podCIDRs: z.array(z.string()) });

/** The memory in a file of the state directory; that of a node with another name counts as none. */
export function createNodeMemory({
  path,
  nodeName,
}: {
  readonly path: string;
  readonly nodeName: string;
}): NodeMemory {
  return {
    async recall() {
      try {
        const memory = memorySchema.parse(JSON.parse(await readFile(path, "utf8")));
        if (memory.nodeName !== nodeName) return [];
        return memory.podCIDRs.map((text) => formatPrefix(parsePrefix(text)));
      } catch {
        return [];
      }
    },
    async remember(podCidrs, signal) {
      await replaceFile(path, `${JSON.stringify({ nodeName, podCIDRs: podCidrs })}\n`, signal);
    },
  };
}
