import { setTimeout as delay } from "node:timers/promises";
import { waitForDaemon } from "../../headcni/daemon.ts";
import { intoTailnet } from "../../headcni/wire.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { captureUnderlay } from "../../network/capture.ts";
import type { Pod } from "../../pods.ts";
import { run } from "../../run-command.ts";
import { killService, serviceProcess, startService } from "../../services.ts";
import { headscale } from "../../tailnet/headscale.ts";
import { tailscaledStatus } from "../../tailnet/local-api.ts";
import { startProbe } from "../../traffic/traffic.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack, Finding, Scene } from "../attack.ts";
import { attackPods, reaches } from "../tools/attack-pods.ts";

const probeIntervalMs = 10;
/** How long a fault is listened to: some hundred packets. */
const listenMs = 1_000;

/** Something that breaks the way of pods' packets, and repairs it. */
interface Fault {
  readonly what: string;
  readonly make: (scene: Scene) => Promise<void>;
  readonly undo: (scene: Scene) => Promise<void>;
}

const faults: readonly Fault[] = [
  {
    what: "the daemon was killed",
    make: ({ lab, node }) => killService(lab, { name: "daemon", node: node.name }),
    undo: async ({ lab, node }) => {
      await startService(lab, { name: "daemon", node: node.name });
      await waitForDaemon(lab, node);
    },
  },
  {
    what: "tailscaled was killed",
    make: ({ lab, node }) => killService(lab, { name: "tailscaled", node: node.name }),
    // headcni-wire starts it again.
    undo: ({ lab, node }) => tailscaledRuns(lab, node),
  },
  {
    what: "the ways into the tunnel were deleted",
    make: ({ node, other }) => deleteTunnelRoutes(node, other),
    // The daemon has them made again.
    undo: async () => undefined,
  },
  {
    what: "the other node's route was withdrawn",
    make: (scene) => approve(scene, []),
    undo: (scene) => approve(scene, scene.other.podCIDRs),
  },
];

export const listenOnUnderlay: Attack = {
  name: "listen-on-underlay",
  promise: "plaintext",
  does: "listens on the LAN while pods send, with the daemon and tailscaled killed, routes deleted, and a route withdrawn",
  kubernetes: false,
  run: async (scene) => {
    const { attacker, remote } = await attackPods(scene);
    const findings: Finding[] = [];
    for (const fault of faults) {
      const packets = await listenDuring(scene, attacker, remote, fault);
      const harm = packets.length > 0;
      const heard = harm
        ? `${packets.length} packets in plaintext, such as ${packets[0]?.trim()}`
        : "nothing";
      findings.push({ saw: `${heard} while ${fault.what}`, harm });
      for (const address of remote.addresses)
        await waitUntil(() => reaches(attacker, address), {
          what: `pods reach ${address} again after ${fault.what}`,
          timeoutMs: 60_000,
          explain: async () => JSON.stringify(await tailscaledStatus(scene.node.tailscaledSocket)),
        });
    }
    return findings;
  },
};

async function listenDuring(
  scene: Scene,
  from: Pod,
  to: Pod,
  { make, undo }: Fault,
): Promise<readonly string[]> {
  const { lab } = scene;
  const capture = await captureUnderlay(lab);
  const probes = await Promise.all(to.addresses.map((address) => startProbe(from, address, probeIntervalMs)));
  try {
    await make(scene);
    await delay(listenMs);
  } finally {
    await undo(scene);
    await Promise.all(probes.map((probe) => probe.stop()));
  }
  return await capture.stop(lab.supernets.map((supernet) => `net ${supernet}`).join(" or "));
}

async function tailscaledRuns(lab: Lab, node: LabNode): Promise<void> {
  const runs = async () => {
    if ((await serviceProcess(lab, { name: "tailscaled", node: node.name })) === undefined) return false;
    const status = await tailscaledStatus(node.tailscaledSocket).catch(() => undefined);
    return status?.BackendState === "Running";
  };
  await waitUntil(runs, { what: `tailscaled of ${node.name} runs again`, timeoutMs: 60_000 });
}

async function deleteTunnelRoutes(node: LabNode, other: LabNode): Promise<void> {
  const enter = await intoTailnet(node);
  for (const prefix of other.podCIDRs) await run(enter(["ip", "route", "del", prefix, "table", "52"]));
}

/** Which of its prefixes Headscale lets the other node serve. */
async function approve({ lab, other }: Scene, prefixes: readonly string[]): Promise<void> {
  const { ID } = (await tailscaledStatus(other.tailscaledSocket)).Self;
  await headscale(lab, ["nodes", "approve-routes", "-i", ID, "-r", prefixes.join()]);
}
