import { nearest } from "../commands/nearest.ts";
import { LabError } from "../lab-error.ts";
import { nodeOf } from "../lab-store.ts";
import type { Lab } from "../lab-types.ts";
import { allAttacks } from "./all-attacks.ts";
import { type Attack, type Finding, type Scene, verdictOf } from "./attack.ts";

/** How an attack went. `untried`: why it could not be tried, so that it proves nothing. */
export type Outcome =
  | { readonly verdict: "failed" | "succeeded"; readonly findings: readonly Finding[] }
  | { readonly verdict: "untried"; readonly why: string };

/** The attack of a name. Throws LabError BAD_OPTION with the nearest one. */
export function attackNamed(name: string): Attack {
  const found = allAttacks.find((attack) => attack.name === name);
  if (found !== undefined) return found;
  const names = allAttacks.map((attack) => attack.name);
  const guess = nearest(name, names);
  const hint = guess === undefined ? `there are: ${names.join(", ")}` : `did you mean ${guess}?`;
  throw new LabError("BAD_OPTION", `no attack "${name}"; ${hint}`);
}

/** Where attacks on a node happen: it, and the first other one. Throws LabError NO_SUCH_NODE. */
export function sceneOf(lab: Lab, nodeName: string): Scene {
  const node = nodeOf(lab, nodeName);
  const other = lab.nodes.find((candidate) => candidate !== node);
  if (other === undefined) throw new LabError("NO_SUCH_NODE", "an attack takes a lab with two nodes");
  return { lab, node, other };
}

/** Tries an attack to its end, whatever that is. */
export async function tryAttack(attack: Attack, scene: Scene): Promise<Outcome> {
  const misplaced = misplacement(attack, scene);
  if (misplaced !== undefined) return { verdict: "untried", why: misplaced };
  try {
    const findings = await attack.run(scene);
    return { verdict: verdictOf(findings), findings };
  } catch (error) {
    if (error instanceof LabError) return { verdict: "untried", why: error.message };
    throw error;
  }
}

function misplacement({ kubernetes, mode }: Attack, { lab, node }: Scene): string | undefined {
  if (mode !== undefined && mode !== node.mode) return `it takes a node in mode ${mode}: up --mode ${mode}`;
  const inCluster = lab.options.kubernetes !== undefined;
  if (kubernetes === undefined || kubernetes === inCluster) return undefined;
  return `it takes a lab ${kubernetes ? "with a cluster: up --kubernetes" : "without a cluster"}`;
}
