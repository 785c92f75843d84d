import { randomUUID } from "node:crypto";
import { addressIn, callPlugin } from "../../e2e/support/plugin-call.ts";
import { metric } from "../../e2e/support/views/daemon-view.ts";
import type { ApiConnection } from "../../lab/kubernetes/control-plane/api-connection.ts";
import { makeBarePod, tellAddressesCall } from "../../lab/kubernetes/workload/bare-pods.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import { addNetns, inNetns, netnsPath } from "../../lab/network/netns.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { BenchError } from "../bench-error.ts";
import { cpuSecondsOf, requireDaemon } from "../daemon/daemon-runs.ts";
import type { Endpoint } from "../datapath/datapath-bench.ts";
import { elements, measuredNamespace, policies } from "./policy-load.ts";

/** A lab whose pods are measured, and its API server. */
export type PolicyBed = { readonly lab: Lab; readonly api: ApiConnection };

/** A pod of a lab's node in the measured namespace. */
export type MeasuredPod = Endpoint & { readonly netns: string; readonly name: string };

/** Makes a pod, its network and its address in the API. The lab takes it away with it. */
export async function openPod(
  { lab, api }: PolicyBed,
  node: LabNode,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<MeasuredPod> {
  const netns = `${netnsPrefix(lab.id)}b-${name}`;
  await addNetns(netns);
  const spec = { namespace: measuredNamespace, name, node: node.name, labels };
  const { cniArgs } = await makeBarePod(api, spec);
  const call = { containerId: randomUUID(), netns: netnsPath(netns), args: cniArgs };
  const answer = await callPlugin(node, { command: "ADD", ...call });
  const address = addressIn(answer);
  if (address === undefined)
    throw new BenchError("PLUGIN_FAILED", `no network for ${name}: ${JSON.stringify(answer)}`);
  await api.call(...tellAddressesCall(spec, [address]));
  return { name, netns, address, enter: (command) => inNetns(netns, command) };
}

/** Waits until the daemons of all nodes enforce the 1,000 policies, or none, and idle again. */
export async function untilInForce({ lab }: PolicyBed, wanted: "policies" | "none"): Promise<void> {
  const inForce = async (node: LabNode) => {
    const count = await metric(node, "headcni_network_policies", { state: "enforced" });
    const isolated = await metric(node, "headcni_policy_isolated_addresses");
    if (wanted === "none") return count === 0 && isolated === 0;
    return count === policies && (await metric(node, "headcni_policy_elements")) >= elements;
  };
  // One that is busy with them may be late with its metrics.
  const isInForce = (node: LabNode) => inForce(node).catch(() => false);
  await waitUntil(async () => (await Promise.all(lab.nodes.map(isInForce))).every(Boolean), {
    what: `${wanted} in force on all nodes`,
    timeoutMs: 120_000,
  });
  await untilIdle(lab);
}

/** Waits until no daemon works any more: what it remembers is written some seconds after a change. */
export async function untilIdle(lab: Lab): Promise<void> {
  const used = async () => {
    const pids = await Promise.all(lab.nodes.map(async (node) => (await requireDaemon(lab, node)).pid));
    return (await Promise.all(pids.map(cpuSecondsOf))).reduce((sum, seconds) => sum + seconds, 0);
  };
  let before = { seconds: await used(), at: performance.now() };
  let quiet = 0;
  const idles = async () => {
    const now = { seconds: await used(), at: performance.now() };
    const share = (now.seconds - before.seconds) / ((now.at - before.at) / 1000);
    before = now;
    quiet = share < 0.05 * lab.nodes.length ? quiet + 1 : 0;
    // As long as a daemon waits before it writes.
    return quiet >= 6;
  };
  await waitUntil(idles, { what: "the daemons idle", timeoutMs: 120_000, everyMs: 1_000 });
}
