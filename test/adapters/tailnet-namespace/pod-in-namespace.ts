import { addNetns, inNetns, ipBatch, netnsPath, removeNetns } from "../../lab/network/netns.ts";
import { type CommandLine, run, runResult } from "../../lab/run-command.ts";
import type { GuardedNode } from "./guarded-node.ts";

export interface TestPod {
  readonly enter: CommandLine;
  in(...command: CommandLine): Promise<string>;
  /** Whether one of three pings to the address comes back. */
  answers(address: string): Promise<boolean>;
  remove(): Promise<void>;
}

/** An attached pod as HeadCNI makes it: link in our group, alias `ready`, host route with the router address. */
export async function addPod(node: GuardedNode, label: string, address: string): Promise<TestPod> {
  const name = `hcg-${process.pid}-${label}-p`;
  const link = `pod${address.split(".").at(-1)}`;
  await addNetns(name);
  await ipBatch(node.names.node, [
    `link add ${link} group 18499 type veth peer name eth0 netns ${netnsPath(name)}`,
    `link set ${link} alias "headcni1 ready headcni c1 eth0 uid1 4026531840 ${address} 0"`,
    `link set ${link} up`,
    `route add ${address}/32 dev ${link} metric 72 proto 72 src 10.244.1.1`,
  ]);
  const mac = await linkMac(node, link);
  await ipBatch(name, [
    "link set eth0 mtu 1280 up",
    `addr add ${address}/32 dev eth0`,
    "route add 169.254.1.1/32 dev eth0 scope link",
    `neigh add 169.254.1.1 lladdr ${mac} dev eth0 nud permanent`,
    "route add default via 169.254.1.1 dev eth0",
  ]);
  return {
    enter: inNetns(name, ["env"]),
    in: (...command) => run(inNetns(name, command)),
    answers: async (target) =>
      (await runResult(inNetns(name, ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", target]))).exitCode ===
      0,
    remove: () => removeNetns(name),
  };
}

async function linkMac(node: GuardedNode, link: string): Promise<string> {
  const [row] = JSON.parse(await node.inNode("ip", "-json", "link", "show", link)) as { address: string }[];
  return row?.address ?? "";
}
