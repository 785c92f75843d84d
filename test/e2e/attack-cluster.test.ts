import { allAttacks } from "../lab/attacks/all-attacks.ts";
import { attackTests } from "./support/attack-tests.ts";
import { useLab } from "./support/use-lab.ts";

/** Attacks on what a cluster adds: Services, node ports, and whose prefix is whose; and the rules that it adds are restored, too. */
const lab = useLab({
  nodes: 2,
  families: [4, 6],
  kubernetes: { network: "chart", proxyMode: "nftables" },
});

attackTests(
  lab,
  allAttacks.filter(({ name, kubernetes }) => kubernetes === true || name === "delete-rules"),
);
