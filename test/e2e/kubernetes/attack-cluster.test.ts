import { allAttacks } from "../../lab/attacks/all-attacks.ts";
import { attackTests } from "../support/test-groups/attack-tests.ts";
import { useLab } from "../support/use-lab.ts";

const ofCluster = allAttacks.filter(({ kubernetes }) => kubernetes === true).map(({ name }) => name);

/** Attacks on what a cluster adds: Services, node ports, and whose prefix is whose; and the rules that it adds are restored, too. */
const lab = useLab({
  nodes: 2,
  families: [4, 6],
  kubernetes: { network: "chart", proxyMode: "nftables" },
});

// Deletions first: for a while after a flood Headscale has its hands full, and what it says of the nodes changes.
for (const names of [["delete-rules"], ofCluster])
  attackTests(
    lab,
    allAttacks.filter(({ name }) => names.includes(name)),
  );
