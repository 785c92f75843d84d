import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as z from "zod";
import { createApiTransport } from "../adapters/kubernetes/api-transport.ts";
import { nodeConfigReader } from "../adapters/kubernetes/kube-config.ts";
import { HeadcniError } from "../domain/failure.ts";
import { cleanupReport } from "../domain/node-cleanup.ts";
import { cleanUpCluster } from "./cluster.ts";

/** For the calls after the time for the nodes is over; the Job has 30 s more than that time. */
const lastCallsMs = 20_000;

const usage = `headcni-clean-nodes: ends HeadCNI on all nodes of a cluster and lets each be cleaned up

  --remove SELECTOR    labels of the pods that must be gone first; the DaemonSets are those of --daemonset
  --daemonset NAME     a DaemonSet to delete; may be repeated
  --run FILE           manifest (JSON) of the DaemonSet whose pods clean up a node each and then are ready
  --timeout SECONDS    for all of it (default 240)
  --advice TEXT        what to do about nodes that are not clean
  --kubeconfig FILE    by default the service account of this pod`;

const setSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({ selector: z.object({ matchLabels: z.record(z.string(), z.string()) }) }),
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      remove: { type: "string", default: "" },
      daemonset: { type: "string", multiple: true, default: [] },
      run: { type: "string", default: "" },
      advice: { type: "string", default: "" },
      timeout: { type: "string", default: "240" },
      kubeconfig: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(usage);
  const { kubeconfig } = values;
  const transport = createApiTransport(nodeConfigReader(kubeconfig, process.env));
  const set = setSchema.parse(JSON.parse(readFileSync(values.run, "utf8")));
  const own = Object.entries(set.spec.selector.matchLabels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  const timeoutMs = Number(values.timeout) * 1000;
  const start = performance.now();
  const deadline = start + timeoutMs;
  const signal = AbortSignal.timeout(timeoutMs + lastCallsMs);
  try {
    const cluster = cleanUpCluster(transport, set.metadata.namespace, signal);
    for (const name of [...values.daemonset, set.metadata.name]) await cluster.removeSet(name);
    // A node on which HeadCNI does not end costs the others no more than half of the time.
    for (const selector of [values.remove, own]) await cluster.untilGone(selector, start + timeoutMs / 2);
    const nodes = await cluster.runOnNodes(set, own, deadline);
    await cluster.removeConditions();
    if (nodes.failed.length === 0) {
      await cluster.removeSet(set.metadata.name);
      await cluster.untilGone(own, deadline);
    }
    for (const line of cleanupReport(nodes, values.advice)) console.log(`headcni-clean-nodes: ${line}`);
    process.exitCode = nodes.silent.length + nodes.failed.length === 0 ? 0 : 1;
  } finally {
    await transport.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof HeadcniError ? `headcni-clean-nodes: ${error.message}` : error);
  process.exitCode = 1;
}
