import { readdir, stat } from "node:fs/promises";
import type { BootUnit } from "../../domain/owner/owner-facts.ts";
import { unfinishedSuffix } from "./copy-program.ts";

const unit = "/etc/systemd/system/multi-user.target.wants/headcni-guard.service";

export interface BootUnitPaths {
  readonly bootProgram: string;
  readonly ownerTerms: string;
}

/** On a node the unit shows; in the daemon's container, which does not see the node's units, the program that the chart put beside it. */
export async function readBootUnit({ bootProgram, ownerTerms }: BootUnitPaths): Promise<BootUnit> {
  const names = await readdir(bootProgram).catch(() => []);
  const copies = names.filter((name) => !name.endsWith(unfinishedSuffix));
  if (copies.length > 0 || (await exists(unit))) return "installed";
  return (await exists(ownerTerms)) ? "absent" : "noState";
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
