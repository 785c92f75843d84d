import { clusterOf } from "../kubernetes/cluster.ts";
import { getJson } from "../kubernetes/control-plane/kubectl.ts";
import type { Lab } from "../lab-types.ts";
import { underlayAddress } from "../network/underlay.ts";
import type { Progress } from "../progress.ts";
import { showInstall } from "./install-scene.ts";
import { showKubectl } from "./kubectl-scene.ts";
import { showPaths } from "./paths-scene.ts";
import type { ClusterDemo } from "./run-demo.ts";
import { type Screen, tableLines } from "./screen.ts";
import { showService } from "./service-scene.ts";
import { showWebhook } from "./webhook-scene.ts";

/** Only pods cross NAT in mode daemon; in mode host the nodes do, too: kubelet and the API server are at their tailnet addresses. */
const homes = ["n1", "n2", "n3"] as const;

/** `npm run demo -- --homes`: a cluster whose control plane and workers are each behind a router of their own. */
export const homesDemo: ClusterDemo = {
  title: "HeadCNI at three homes: a control plane and two workers, each behind a router that lets nothing in",
  labHeading:
    "The lab: Headscale and a relay on a public machine, and a tailscaled at each home, which its owner logs in",
  lab: {
    nodes: homes.length,
    mode: "host",
    behindNat: homes,
    kubernetes: { network: "chart", installLater: true, proxyMode: "nftables" },
  },
  show,
};

async function show(screen: Screen, lab: Lab, progress: Progress): Promise<boolean> {
  const { apiUrl } = clusterOf(lab);
  screen.print(`   the API server: ${apiUrl}, the tailnet address of n1; kubectl runs there, too`);
  screen.heading("helm install --set tailscale.mode=host, from nothing to a ping between homes");
  const installed = await showInstall(screen, lab, progress);
  screen.heading("The nodes, as Kubernetes knows them");
  const known = await showNodes(screen, lab);
  screen.heading("How the homes reach each other");
  const reached = await showPaths(screen, lab);
  const workers = lab.nodes.slice(1);
  screen.heading("kubectl logs, exec and port-forward to pods of both workers");
  const served = await showKubectl(screen, lab, workers);
  screen.heading("A Service, asked from every node");
  const answered = await showService(screen, lab);
  screen.heading("A webhook at a worker's home, asked by the API server");
  await showWebhook(screen, lab, workers.at(-1)?.name ?? "");
  return installed && known && reached && served && answered;
}

type Node = {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
  };
};

/** Prints where each node is. True if all are Ready and known by an address of the tailnet. */
async function showNodes(screen: Screen, lab: Lab): Promise<boolean> {
  const { items } = await getJson<{ readonly items: readonly Node[] }>(lab, ["nodes"]);
  const rows = lab.nodes.map((node) => {
    const status = items.find(({ metadata }) => metadata.name === node.name)?.status;
    const address = status?.addresses.find(({ type }) => type === "InternalIP")?.address ?? "none";
    const ready = status?.conditions.find(({ type }) => type === "Ready")?.status === "True";
    return { node, address, ready };
  });
  const header = ["NODE", "READY", "INTERNAL-IP", "AT HOME", "ITS ROUTER"];
  const lines = rows.map(({ node, address, ready }) => [
    node.name,
    { text: String(ready), paint: ready ? screen.good : screen.bad },
    address,
    node.address,
    underlayAddress(node),
  ]);
  screen.print(...tableLines(screen, header, lines));
  return rows.every(({ address, ready }) => ready && address.startsWith("100.64."));
}
