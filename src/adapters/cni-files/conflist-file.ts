import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Conflist } from "../../ports/conflist.ts";
import { removeFile, replaceFile } from "../files/write-whole.ts";
import { type ConflistContent, conflistText } from "./conflist-text.ts";

export interface ConflistFileOptions extends ConflistContent {
  readonly confDir: string;
  readonly confName: string;
}

/** The conflist in the runtime's configuration directory, which is made when it does not exist. */
export function createConflistFile(options: ConflistFileOptions): Conflist {
  const { confDir, confName } = options;
  const path = join(confDir, confName);
  return {
    async publish(signal) {
      const changed = await replaceFile(path, conflistText(options), signal);
      return { path, changed, shadowedBy: namesBefore(await configurationsIn(confDir), confName) };
    },
    remove: () => removeFile(path),
  };
}

/** Files in which libcni looks for a configuration, in its order: names sorted as bytes. Throws Node's error. */
export async function configurationsIn(confDir: string): Promise<readonly string[]> {
  const names = await readdir(confDir);
  return names
    .filter((name) => [".conf", ".conflist", ".json"].includes(extname(name)) && !name.startsWith("."))
    .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** Configurations that win over ours: runtimes take the first (go-cni, CRI-O ocicni). */
export function namesBefore(names: readonly string[], confName: string): readonly string[] {
  return names.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(confName)) < 0);
}
