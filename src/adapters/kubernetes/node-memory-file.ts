import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { HeadcniError } from "../../domain/failure.ts";
import { formatPrefix, parsePrefix } from "../../domain/prefix.ts";
import type { NodeMemory, NodeMemoryFailure } from "../../ports/node-memory.ts";
import { replaceFile } from "../conflist/replace-file.ts";

class NodeMemoryError extends HeadcniError<NodeMemoryFailure> {}

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
      try {
        await mkdir(dirname(path), { recursive: true });
        await replaceFile(path, `${JSON.stringify({ nodeName, podCIDRs: podCidrs })}\n`, signal);
      } catch (cause) {
        const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
        throw new NodeMemoryError(
          `${path} was not written: ${reason}`,
          { code: "NOT_WRITTEN", path, reason },
          { cause },
        );
      }
    },
  };
}
