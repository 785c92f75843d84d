import { mkdir, readdir, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { HeadcniError } from "../../domain/failure.ts";
import type { Conflist, ConflistFailure } from "../../ports/conflist.ts";
import { type ConflistContent, conflistText } from "./conflist-text.ts";
import { replaceFile } from "./replace-file.ts";

class ConflistFileError extends HeadcniError<ConflistFailure> {}

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
      try {
        await mkdir(confDir, { recursive: true });
        const changed = await replaceFile(path, conflistText(options), signal);
        return { path, changed, shadowedBy: namesBefore(await configurationsIn(confDir), confName) };
      } catch (error) {
        throw failure("NOT_WRITTEN", path, error);
      }
    },
    async remove() {
      try {
        await rm(path, { force: true });
      } catch (error) {
        throw failure("NOT_REMOVED", path, error);
      }
    },
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

function failure(code: ConflistFailure["code"], path: string, error: unknown): ConflistFileError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  const verb = code === "NOT_WRITTEN" ? "written" : "removed";
  return new ConflistFileError(
    `${path} was not ${verb}: ${reason}`,
    { code, path, reason },
    { cause: error },
  );
}
