import { daemonGet } from "../headcni/daemon-pages.ts";
import { kubectl } from "../kubernetes/control-plane/kubectl.ts";
import { cutPower } from "../kubernetes/node/node-power.ts";
import { waitForWorkload } from "../kubernetes/workload/workload.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { headscale } from "../tailnet/headscale.ts";
import { waitUntil } from "../wait-until.ts";
import { workload } from "./install-scene.ts";
import { teller } from "./run-demo.ts";
import type { Screen } from "./screen.ts";
import { showService } from "./service-scene.ts";

/** Takes the last node out of the cluster and prints what becomes of its place. True if its pods live elsewhere and nothing is left of it. */
export async function showRemoval(screen: Screen, lab: Lab): Promise<boolean> {
  const gone = lab.nodes.at(-1);
  const [witness] = lab.nodes;
  if (gone === undefined || witness === undefined || gone === witness) return false;
  const tell = teller(screen);
  await kubectl(lab, ["drain", gone.name, "--ignore-daemonsets", "--force", "--disable-eviction"]);
  tell(`kubectl drain ${gone.name}`);
  await cutPower(lab, gone);
  await kubectl(lab, ["delete", "node", gone.name]);
  tell(`${gone.name} is switched off and deleted from the cluster`);
  await waitForWorkload(lab, workload.name, 110);
  tell("its pods run on the other nodes");
  const state = await waitUntil(() => withdrawnState(witness, gone.podCIDR), {
    what: `${witness.name} does not take ${gone.podCIDR} for a node's any more`,
    timeoutMs: 240_000,
    everyMs: 500,
  });
  tell(`${witness.name}: the route to ${gone.podCIDR} is ${state}`);
  const listed = async () => {
    const nodes = JSON.parse(await headscale(lab, ["nodes", "list", "--output", "json"])) as readonly {
      readonly name?: string;
    }[];
    return nodes.some(({ name }) => name === gone.name);
  };
  const cleared = await waitUntil(async () => !(await listed()), {
    what: `Headscale has forgotten ${gone.name}`,
    timeoutMs: 120_000,
    everyMs: 500,
  });
  tell(`Headscale does not list ${gone.name} any more`);
  screen.print("");
  return (await showService(screen, lab, lab.nodes.slice(0, -1))) && cleared;
}

/** The state of a peer's route that is not used any more; undefined while it is. */
async function withdrawnState(node: LabNode, prefix: string): Promise<string | undefined> {
  const { body } = await daemonGet(node, "/metrics");
  const row = body
    .split("\n")
    .find((line) => line.startsWith("headcni_route_state{") && line.includes(`"${prefix}"`));
  if (row === undefined) return "gone";
  const state = /state="(\w+)"/.exec(row)?.[1];
  return state === "installed" || state === "expected" ? undefined : state;
}
