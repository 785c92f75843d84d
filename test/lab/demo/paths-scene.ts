import type { Lab } from "../lab-types.ts";
import { peerPaths } from "../tailnet/local-api.ts";
import { type Screen, tableLines } from "./screen.ts";

/** Prints by which path each node reaches each other one. True if there is one everywhere. */
export async function showPaths(screen: Screen, lab: Lab): Promise<boolean> {
  const paths = await peerPaths(lab);
  const rows = paths.map(({ from, to, path, via }) => [from, to, path, via]);
  screen.print(...tableLines(screen, ["FROM", "TO", "PATH", "VIA"], rows));
  return paths.every(({ path }) => path !== "none");
}
