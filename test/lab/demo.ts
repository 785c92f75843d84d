import { parseArgs } from "node:util";
import { showAttack } from "./demo/attack-scene.ts";
import { clusterDemo } from "./demo/cluster-demo.ts";
import { showFaults } from "./demo/fault-scene.ts";
import { homesDemo } from "./demo/homes-demo.ts";
import { showMachines } from "./demo/machine-states.ts";
import { showPaths } from "./demo/paths-scene.ts";
import { showPodPairs } from "./demo/pod-pairs.ts";
import { runDemo } from "./demo/run-demo.ts";
import { openScreen, type Screen, tableLines } from "./demo/screen.ts";
import { LabError } from "./lab-error.ts";
import type { Lab } from "./lab-types.ts";
import { addPod, type Pod } from "./pods.ts";
import { type Progress, stderrProgress } from "./progress.ts";
import { startLab } from "./start-lab.ts";
import { stopLab } from "./stop-lab.ts";
import { stopLabOnInterrupt } from "./stop-on-interrupt.ts";
import { startPodServer } from "./traffic/traffic.ts";

const podsPerNode = 3;

/** `npm run demo [-- --keep]`: HeadCNI at work, from nothing and back. Ends with 0 only if all that it shows is as it should be. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      keep: { type: "boolean" },
      kubernetes: { type: "boolean" },
      homes: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(
      "npm run demo            show it, then take everything down\nnpm run demo -- --keep  leave the lab up\nnpm run demo -- --kubernetes  in a real cluster, installed by Helm (with --keep, too)\nnpm run demo -- --homes  a cluster whose control plane and workers are behind three routers (with --keep, too)\n",
    );
    return 0;
  }
  const { NO_COLOR } = process.env;
  const screen = openScreen(process.stdout.isTTY === true && !NO_COLOR);
  const progress = stderrProgress();
  const inCluster = values.homes === true ? homesDemo : values.kubernetes === true ? clusterDemo : undefined;
  if (inCluster !== undefined) return await runDemo(inCluster, screen, progress, values.keep === true);
  screen.print(screen.bold("HeadCNI: pods on two nodes, one tailnet run by your own Headscale"));
  screen.heading("The lab: Headscale, a DERP relay, and two nodes, each with a stock tailscaled and HeadCNI");
  const interrupt = stopLabOnInterrupt(progress);
  const lab = await startLab({ nodes: 2, progress, onClaimed: interrupt.watch });
  const good = await show(screen, lab).catch(async (error: unknown) => {
    if (values.keep !== true) await stopLab(lab.id, progress);
    throw error;
  });
  await end(screen, lab, values.keep === true, progress);
  screen.print(
    "",
    good ? screen.good("All of it worked.") : screen.bad("Something above is not as it should be."),
  );
  return good ? 0 : 1;
}

async function show(screen: Screen, lab: Lab): Promise<boolean> {
  screen.heading("Three pods a node, attached by cnitool, the CNI project's own runtime");
  const pods = await showNewPods(screen, lab);
  screen.heading("Every pod to every pod, with its own address");
  const pairs = await showPodPairs(screen, pods);
  screen.heading("How the nodes reach each other");
  const reached = await showPaths(screen, lab);
  screen.heading("The state machines");
  await showMachines(screen, lab);
  screen.heading("An attack from the LAN (npm run lab -- attack lists all)");
  const repelled = await showAttack(screen, lab);
  screen.heading("kill -9 of a daemon and of Headscale while traffic runs");
  const [from, to] = [pods[0], pods.at(-1)];
  const unharmed = from !== undefined && to !== undefined && (await showFaults(screen, lab, from, to));
  return pairs && repelled && unharmed && reached;
}

async function showNewPods(screen: Screen, lab: Lab): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  const rows: string[][] = [];
  for (const [index, node] of lab.nodes.entries()) {
    for (let number = 1; number <= podsPerNode; number += 1) {
      const start = performance.now();
      const pod = await addPod(lab, node.name, `${String.fromCharCode(97 + index)}${number}`);
      rows.push([
        pod.name,
        node.name,
        pod.address,
        `${(performance.now() - start).toFixed(0)} ms`,
        pod.netns,
      ]);
      pods.push(pod);
    }
  }
  screen.print(...tableLines(screen, ["POD", "NODE", "ADDRESS", "CNITOOL ADD", "NAMESPACE"], rows));
  await Promise.all(pods.map((pod) => startPodServer(lab, pod)));
  return pods;
}

async function end(screen: Screen, lab: Lab, keep: boolean, progress: Progress): Promise<void> {
  if (!keep) {
    screen.heading("Down");
    await stopLab(lab.id, progress);
    return;
  }
  screen.heading("The lab stays up. Try");
  screen.print(
    "   npm run lab -- exec a1 -- ping -c 3 10.244.2.2",
    "   npm run lab -- status",
    "   npm run lab -- fault block n1 n2       then watch the path turn to the relay:",
    `   ${lab.tools.tailscale} --socket ${lab.nodes[0]?.tailscaledSocket} status`,
    `   curl -s --unix-socket ${lab.nodes[0]?.httpSocket} http://localhost/debug/machines`,
    "   npm run lab -- logs n1",
    `   npm run lab -- down --id ${lab.id}`,
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
