import { addNetns, inNetns, ipBatch, netnsPath, removeNetns } from "../../lab/network/netns.ts";
import { type CommandLine, run, runResult } from "../../lab/run-command.ts";
import type { GuardedNode } from "./guarded-node.ts";

/** The rest of the tailnet behind X's tunnel: a peer with pod CIDR 10.244.2.0/24 and tailnet address 100.64.0.2. */
export interface StandInTailnet {
  readonly enter: CommandLine;
  in(...command: CommandLine): Promise<string>;
  /** Whether one of three pings from `source` comes back. */
  reaches(source: string, address: string): Promise<boolean>;
  /** Takes the tunnel out of X, as the end of tailscaled does. */
  removeTunnel(): Promise<void>;
  addTunnel(): Promise<void>;
  remove(): Promise<void>;
}

export const remotePod = "10.244.2.5";
export const remoteRouter = "10.244.2.1";
/** A laptop in the tailnet that is no node of the cluster. */
export const laptop = "100.64.0.9";

export async function standInTailnet(node: GuardedNode, label: string): Promise<StandInTailnet> {
  const name = `hcg-${process.pid}-${label}-t`;
  await addNetns(name);
  const addTunnel = async () => {
    await node.inX(
      "ip",
      "link",
      "add",
      "tailscale0",
      "mtu",
      "1280",
      "type",
      "veth",
      "peer",
      "wire",
      "netns",
      netnsPath(name),
    );
    await node.inX("ip", "addr", "add", "100.64.0.1/32", "dev", "tailscale0");
    await node.inX("ip", "link", "set", "tailscale0", "up");
    await ipBatch(name, [
      ...["100.64.0.2", laptop, remotePod, remoteRouter, "10.244.1.77"].map(
        (ip) => `addr add ${ip}/32 dev wire`,
      ),
      "link set wire up",
      "route add 100.64.0.1/32 dev wire",
      "route add default via 100.64.0.1 dev wire onlink",
    ]);
    await node.inX(
      "ip",
      "route",
      "add",
      "10.244.2.0/24",
      "via",
      "100.64.0.2",
      "dev",
      "tailscale0",
      "onlink",
      "table",
      "52",
    );
    await node.inX("ip", "route", "add", "100.64.0.0/24", "dev", "tailscale0", "table", "52");
  };
  await addTunnel();
  await node.inX("ip", "rule", "add", "pref", "5270", "table", "52");
  return {
    enter: inNetns(name, ["env"]),
    in: (...command) => run(inNetns(name, command)),
    reaches: async (source, address) => {
      const ping: CommandLine = ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", "-I", source, address];
      return (await runResult(inNetns(name, ping))).exitCode === 0;
    },
    removeTunnel: async () => {
      await node.inX("ip", "link", "del", "tailscale0");
    },
    addTunnel,
    remove: () => removeNetns(name),
  };
}
