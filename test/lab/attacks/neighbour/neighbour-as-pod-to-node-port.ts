import { applyObjects, kubectl } from "../../kubernetes/control-plane/kubectl.ts";
import { inNetns } from "../../network/netns.ts";
import { tcpFlags } from "../../network/raw-packet.ts";
import { runResult } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack, Scene } from "../attack.ts";
import { attackPods, workloadName } from "../tools/attack-pods.ts";
import { freshNumber, isOfOneFamily, sendPackets } from "../tools/probes.ts";
import { type Neighbour, waysBetween, withNeighbour } from "../tools/through-node.ts";
import { linkIn, watchLinks } from "../tools/watch-links.ts";
import { withSysctl } from "../tools/with-sysctls.ts";

const service = { name: "attack-local", nodePort: 30991, targetPort: 8080 } as const;

export const neighbourAsPodToNodePort: Attack = {
  name: "neighbour-as-pod-to-node-port",
  promise: "underlay",
  does: "a host of the LAN sends to a NodePort (externalTrafficPolicy Local) with the address of another node's pod",
  kubernetes: true,
  heldBy: { where: "node", names: ["spoofed-source"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { lab } = scene;
      const { attacker, victim, remote } = await attackPods(scene);
      await applyObjects(lab, [nodePortService(lab.options.families.length)]);
      const nodeAddresses = [scene.node.address, scene.node.address6].filter(
        (address) => address !== undefined,
      );
      const honest = () => nodePortAnswers(scene, neighbour, nodeAddresses);
      const forged = (sourcePort: number) =>
        waysBetween(remote.addresses, nodeAddresses)
          .filter(isOfOneFamily)
          .map((way) => ({
            ...way,
            body: {
              protocol: "tcp",
              sourcePort,
              destinationPort: service.nodePort,
              flags: tcpFlags.syn,
            } as const,
          }));
      try {
        const asRemote = remote.addresses.map((address) => `src host ${address}`).join(" or ");
        const filter = `tcp dst port ${service.targetPort} and (${asRemote})`;
        const links = [attacker, victim].map((pod) => ({
          what: `pod ${pod.name}`,
          ...linkIn(pod.netns, "eth0"),
          filter,
        }));
        const seen = await withSysctl(scene.node, "net/ipv4/conf/*/rp_filter", "0", () =>
          watchLinks(lab, links, async () => {
            await honest();
            // The Service has two endpoints here: either may be chosen for a new flow.
            const first = freshNumber();
            for (let port = first; port < first + 8; port += 1)
              await sendPackets(lab, neighbour.netns, forged(port));
            await honest();
          }),
        );
        return seen.map(({ what, lines }) => ({
          saw: lines.length === 0 ? `no forged packet reached ${what}` : `${what} got ${lines[0]?.trim()}`,
          harm: lines.length > 0,
        }));
      } finally {
        await kubectl(lab, ["delete", "service", service.name, "--wait=false"]);
      }
    }),
};

function nodePortService(families: number): unknown {
  const { name, nodePort, targetPort } = service;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: "NodePort",
      externalTrafficPolicy: "Local",
      selector: { app: workloadName },
      ports: [{ port: targetPort, targetPort, nodePort }],
      ipFamilyPolicy: families === 2 ? "RequireDualStack" : "SingleStack",
    },
  };
}

/** The honest way: the NodePort answers the neighbour under its own address. */
async function nodePortAnswers(
  { node }: Scene,
  { netns }: Neighbour,
  addresses: readonly string[],
): Promise<void> {
  for (const address of addresses) {
    const open = ["bash", "-c", `exec 3<>/dev/tcp/${address}/${service.nodePort}`] as const;
    const answers = async () => (await runResult(inNetns(netns, ["timeout", "2", ...open]))).exitCode === 0;
    await waitUntil(answers, {
      what: `the NodePort of ${node.name} answers at ${address}`,
      timeoutMs: 60_000,
    });
  }
}
