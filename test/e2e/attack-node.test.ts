import { allAttacks } from "../lab/attacks/all-attacks.ts";
import { attackTests } from "./support/attack-tests.ts";
import { useLab } from "./support/use-lab.ts";

/** What a neighbour, a pod, a member of the tailnet and a local user can do to a node; `npm run lab -- attack` does the same by hand. */
const lab = useLab({ nodes: 2, families: [4, 6] });

attackTests(
  lab,
  allAttacks.filter(({ kubernetes }) => kubernetes !== true),
);
