import { waitForDaemon } from "../../headcni/daemon.ts";
import { kubectl } from "../../kubernetes/control-plane/kubectl.ts";
import { cutPower, powerOn } from "../../kubernetes/node/node-power.ts";
import { captureUnderlay } from "../../network/capture.ts";
import { startProbe } from "../../traffic/traffic.ts";
import type { Attack, Scene } from "../attack.ts";
import { attackPods } from "../tools/attack-pods.ts";

export const listenAtBoot: Attack = {
  name: "listen-at-boot",
  promise: "plaintext",
  does: "listens on the LAN while the other node loses its power and boots, and a pod goes on sending to that node's pods",
  kubernetes: true,
  run: async (scene) => {
    const { lab, other } = scene;
    const { attacker, remote } = await attackPods(scene);
    const capture = await captureUnderlay(lab);
    const probes = await Promise.all(remote.addresses.map((address) => startProbe(attacker, address, 20)));
    try {
      await cutPower(lab, other);
      await powerOn(lab, other);
      await rejoined(scene);
    } finally {
      await Promise.all(probes.map((probe) => probe.stop()));
    }
    const lines = await capture.stop(lab.supernets.map((supernet) => `net ${supernet}`).join(" or "));
    const harm = lines.length > 0;
    return [
      { saw: harm ? `${lines.length} packets in plaintext, such as ${lines[0]?.trim()}` : "nothing", harm },
    ];
  },
};

/** Waits until a node that was away has its daemon and its kubelet again. */
export async function rejoined({ lab, other }: Scene): Promise<void> {
  await waitForDaemon(lab, other, 180_000);
  const wait = ["wait", "--for=condition=Ready", `node/${other.name}`, "--timeout=180s"];
  await kubectl(lab, wait, { timeoutMs: 190_000 });
}
