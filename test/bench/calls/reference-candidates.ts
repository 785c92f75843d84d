import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { addNetns, setSysctls } from "../../lab/network/netns.ts";
import type { Candidate } from "./candidate.ts";

/** Everything the reference plugins need: where they are, a folder for host-local's files, a prefix for their nodes' namespaces. */
export type ReferenceOptions = {
  readonly plugins: string;
  readonly folder: string;
  readonly netnsPrefix: string;
};

/** MTU of HeadCNI's pods, so that all candidates set up the same. */
const mtu = 1280;

/**
 * bridge + host-local and ptp + host-local of the CNI project, each on a node of its own (a fresh namespace).
 * Without ipMasq: that execs iptables or nft for each pod, which HeadCNI does not need either.
 */
export async function makeReferenceCandidates(options: ReferenceOptions): Promise<readonly Candidate[]> {
  const bridge = { type: "bridge", bridge: "cni0", isGateway: true, mtu };
  const ptp = { type: "ptp", mtu };
  return [await makeCandidate("bridge", bridge, options), await makeCandidate("ptp", ptp, options)];
}

async function makeCandidate(
  name: "bridge" | "ptp",
  plugin: Readonly<Record<string, unknown>>,
  options: ReferenceOptions,
): Promise<Candidate> {
  const netns = `${options.netnsPrefix}${name}`;
  await addNetns(netns);
  await setSysctls(netns, { "net.ipv4.ip_forward": "1" });
  const dataDir = join(options.folder, name);
  await mkdir(dataDir, { recursive: true });
  const ranges = [[{ subnet: "10.250.0.0/16" }]];
  const ipam = { type: "host-local", ranges, routes: [{ dst: "0.0.0.0/0" }], dataDir };
  return {
    name,
    netns,
    plugin: join(options.plugins, name),
    cniPath: options.plugins,
    config: { cniVersion: "1.0.0", name: `bench-${name}`, ...plugin, ipam },
  };
}
