import { sawLine } from "../attacks/attack.ts";
import { neighbourToRemotePods } from "../attacks/neighbour/neighbour-to-pods.ts";
import { sceneOf, tryAttack } from "../attacks/try-attack.ts";
import type { Lab } from "../lab-types.ts";
import type { Screen } from "./screen.ts";

/** Lets a neighbour attack the first node, and prints in a line how that went. True if it failed. */
export async function showAttack(screen: Screen, lab: Lab): Promise<boolean> {
  const scene = sceneOf(lab, lab.nodes[0]?.name ?? "");
  const outcome = await tryAttack(neighbourToRemotePods, scene);
  const failed = outcome.verdict === "failed";
  const paint = failed ? screen.good : screen.bad;
  const saw = outcome.verdict === "untried" ? outcome.why : sawLine(outcome.findings);
  screen.print(`   ${neighbourToRemotePods.does}: ${paint(outcome.verdict)}, ${saw}`);
  return failed;
}
