import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { readPrefix } from "../../domain/addresses/prefix.ts";
import { HeadcniError } from "../../domain/failure.ts";
import type { NodeBinding } from "../../domain/kubernetes/node-bindings.ts";
import { parseJson } from "../../domain/parse-json.ts";
import type { NodeList } from "../../ports/node-list.ts";
import { replaceFile } from "../files/write-whole.ts";

/** A list that is no list of this version: what it said before stands. */
class NodeListError extends HeadcniError<{
  readonly code: "NODE_LIST_UNREADABLE";
  readonly path: string;
  readonly reason: string;
}> {}

const listSchema = z.object({
  version: z.literal(1),
  bindings: z.array(
    z.object({
      prefix: z
        .string()
        .refine((text) => readPrefix(text) !== undefined, "not a prefix such as 10.244.1.0/24"),
      nodeId: z.string(),
      node: z.string(),
      uid: z.string(),
    }),
  ),
});

/** The list in a file of the state directory. */
export function createNodeListFile(path: string): NodeList {
  return {
    async read() {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw unreadable(path, error.code ?? error.message, error);
      });
      if (text === undefined) return null;
      const parsed = listSchema.safeParse(parseJson(text));
      if (parsed.success) return parsed.data.bindings;
      const [first] = parsed.error.issues;
      throw unreadable(path, `${first?.path.join(".")}: ${first?.message}`, parsed.error);
    },
    async write(bindings: readonly NodeBinding[], signal) {
      await replaceFile(path, `${JSON.stringify({ version: 1, bindings })}\n`, signal);
    },
  };
}

/** How often the file is looked at: one stat(2). */
const lookMs = 1_000;

/**
 * Tells when the file is another one or none, and once when there is none at first. By looks at it, not by inotify(7): that runs out of
 * instances, and needs the folder.
 */
export function watchNodeListFile(path: string, changed: () => void): () => void {
  const heard = () => changed();
  watchFile(path, { persistent: false, interval: lookMs }, heard);
  return () => unwatchFile(path, heard);
}

function unreadable(path: string, reason: string, cause: unknown): NodeListError {
  return new NodeListError(
    `${path} is no list of Nodes: ${reason}`,
    { code: "NODE_LIST_UNREADABLE", path, reason },
    { cause },
  );
}
