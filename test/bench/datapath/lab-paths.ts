import * as z from "zod";
import { intoTailnet } from "../../lab/headcni/wire.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import type { Pod } from "../../lab/pods.ts";
import { run } from "../../lab/run-command.ts";
import { BenchError } from "../bench-error.ts";
import type { Endpoint, Path } from "./datapath-bench.ts";

const addressesSchema = z.array(
  z.object({ addr_info: z.array(z.object({ local: z.string().optional() })).optional() }),
);

/** The two paths between two nodes of a lab: between a pod of each, and between their tailnet addresses. */
export async function pathsBetween(
  from: LabNode,
  to: LabNode,
  pods: readonly [Pod, Pod],
): Promise<readonly Path[]> {
  const [fromPod, toPod] = pods;
  return [
    { name: "pods", from: podEnd(fromPod), to: podEnd(toPod) },
    { name: "tailnet", from: await tailnetEnd(from), to: await tailnetEnd(to) },
  ];
}

/**
 * Makes sure that two nodes talk directly and returns the endpoint they use. Throws BenchError NOT_SETTLED when they
 * only reach each other through the relay: it would be the relay that is measured.
 */
export async function requireDirect(lab: Lab, from: LabNode, to: LabNode): Promise<string> {
  const { address } = await tailnetEnd(to);
  const cli = [lab.tools.tailscale, `--socket=${from.tailscaledSocket}`] as const;
  const stdout = await run(inNetns(from.netns, [...cli, "ping", "--until-direct", "--c", "20", address]), {
    timeoutMs: 60_000,
  });
  const [, direct] = /via ([\d.]+:\d+) in/.exec(stdout) ?? [];
  if (direct !== undefined) return direct;
  throw new BenchError("NOT_SETTLED", `${from.name} and ${to.name} found no direct path: ${stdout}`);
}

function podEnd(pod: Pod): Endpoint {
  return { enter: (command) => inNetns(pod.netns, command), address: pod.address };
}

async function tailnetEnd(node: LabNode): Promise<Endpoint> {
  const enter = await intoTailnet(node);
  const stdout = await run(enter(["ip", "-4", "-j", "address", "show", "dev", "tailscale0"]));
  const address = addressesSchema.parse(JSON.parse(stdout))[0]?.addr_info?.[0]?.local;
  if (address === undefined)
    throw new BenchError("NOT_SETTLED", `${node.name} has no tailnet address: ${stdout}`);
  return { enter, address };
}
