import { readJsonFiles } from "../adapters/files/read-json-files.ts";
import { HeadcniError } from "../domain/failure.ts";
import type { KernelLink } from "../domain/kernel/kernel-state.ts";
import { explainNewer, newerAliases, newerFiles } from "../domain/newer-format.ts";

class NewerFormatError extends HeadcniError<{ readonly code: "NEWER_FORMAT" }> {}

/**
 * Before anything is changed: what a later release left in a format of its own is not ours to judge. Taken for half made it would be
 * removed, and with it the network of running pods. Throws NewerFormatError, which names what was found and the ways out.
 */
export async function refuseNewer(stateDir: string, links: readonly KernelLink[]): Promise<void> {
  const problem = explainNewer([...newerAliases(links), ...newerFiles(await readJsonFiles(stateDir))]);
  if (problem === undefined) return;
  const message = `${problem.found}. Nothing was changed. ${problem.todo}`;
  throw new NewerFormatError(message, { code: "NEWER_FORMAT" });
}
