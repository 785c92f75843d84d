import { readyPage } from "../headcni/daemon-pages.ts";
import { openLab } from "../lab-store.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { networkFaults } from "../network/network-faults.ts";
import { listPods } from "../pods.ts";
import { type Service, serviceProcess } from "../services.ts";
import { type Command, commonOptions, flag, positionals, print, printJson, text } from "./command.ts";

const usage = "status [--json]";

export const status: Command = {
  words: ["status"],
  usage,
  summary: "what runs, what is ready, which faults there are",
  options: commonOptions,
  run: async (args) => {
    positionals(args, [], usage);
    const lab = await openLab(text(args, "id"));
    const found = await look(lab);
    if (flag(args, "json")) printJson(found);
    else {
      print(
        `lab ${found.id}: headscale ${word(found.headscalePid)}, derp ${word(found.derpPid)}`,
        ...found.nodes.map(
          (node) =>
            `${node.name.padEnd(4)} daemon ${word(node.daemonPid)}, tailscaled ${word(node.tailscaledPid)}, ${node.ready}, ${node.pods} pods`,
        ),
        `network faults: ${found.faults.length === 0 ? "none" : found.faults.join(", ")}`,
      );
    }
    return 0;
  },
};

async function look(lab: Lab) {
  const pidOf = async (service: Service) => (await serviceProcess(lab, service))?.pid ?? null;
  const pods = await listPods(lab);
  const nodes = lab.nodes.map(async (node) => ({
    name: node.name,
    daemonPid: await pidOf({ name: "daemon", node: node.name }),
    tailscaledPid: await pidOf({ name: "tailscaled", node: node.name }),
    ready: await readyWords(node),
    pods: pods.filter((pod) => pod.node === node.name).length,
  }));
  return {
    id: lab.id,
    headscalePid: await pidOf({ name: "headscale" }),
    derpPid: await pidOf({ name: "derp" }),
    nodes: await Promise.all(nodes),
    faults: await networkFaults(lab),
  };
}

async function readyWords(node: LabNode): Promise<string> {
  const page = await readyPage(node);
  if (page === undefined) return "no answer";
  const why = page.reasons.length === 0 ? "" : ` (${page.reasons.join("; ")})`;
  return `${page.serving ? "ready" : "not ready"} and ${page.state}${why}`;
}

function word(pid: number | null): string {
  return pid === null ? "down" : `up (${pid})`;
}
