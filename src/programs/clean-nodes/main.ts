import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as z from "zod";
import { createApiTransport } from "../../adapters/kubernetes/api-transport.ts";
import { nodeConfigReader } from "../../adapters/kubernetes/kube-config.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { cleanupReport } from "../../domain/kubernetes/node-cleanup.ts";
import { visible } from "../../protocol/visible-text.ts";
import { cleanUpCluster } from "./cluster.ts";
import { persistentCalls } from "./persistent-calls.ts";

/** For the calls after the time for the nodes is over; the Job has 30 s more than that time. */
const lastCallsMs = 20_000;

const usage = `headcni-clean-nodes: ends HeadCNI on all nodes of a cluster and lets each be cleaned up

  --run FILE           manifest (JSON) of the DaemonSet whose pods clean up a node each and then are ready
  --timeout SECONDS    for all of it (default 240)
  --advice TEXT        what to do about nodes that are not clean
  --kubeconfig FILE    by default the service account of this pod`;

/** What the names of a release's DaemonSets end in, by the component that their pods are labelled with. */
const endings = { daemon: "", wire: "-wire", cleanup: "-cleanup" } as const;

type Component = keyof typeof endings;

const setSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string().endsWith(endings.cleanup), namespace: z.string() }),
  spec: z.looseObject({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.looseObject({
      spec: z.looseObject({
        initContainers: z.tuple([z.looseObject({ args: z.array(z.string()) })], z.looseObject({})),
      }),
    }),
  }),
});
type CleanupSet = z.output<typeof setSchema>;

/** The same pods, but they leave headcni-wire and what it needs, and the unit that loads the rules at boot. */
function onlyWithdrawing(set: CleanupSet): CleanupSet {
  const own = structuredClone(set);
  const [container] = own.spec.template.spec.initContainers;
  container.args = container.args.map((word) => (word === "--cleanup" ? "--withdraw" : word));
  own.spec.template.spec.initContainers = [container];
  return own;
}

function nameOf(component: Component, { metadata }: CleanupSet): string {
  return `${metadata.name.slice(0, -endings.cleanup.length)}${endings[component]}`;
}

function selectorOf(component: Component, { spec }: CleanupSet): string {
  const labels = { ...spec.selector.matchLabels, "app.kubernetes.io/component": component };
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
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
  const cleaners = selectorOf("cleanup", set);
  const timeoutMs = Number(values.timeout) * 1000;
  const start = performance.now();
  /** When this share of the time is over: a node on which a step does not end leaves the others the rest. */
  const after = (share: number) => start + timeoutMs * share;
  const signal = AbortSignal.timeout(timeoutMs + lastCallsMs);
  try {
    const cluster = cleanUpCluster(persistentCalls(transport), set.metadata.namespace, signal);
    const end = async (components: readonly Component[], deadline: number) => {
      for (const component of components) await cluster.removeSet(nameOf(component, set));
      for (const component of components) await cluster.untilGone(selectorOf(component, set), deadline);
    };
    // With those of an earlier try.
    await end(["daemon", "cleanup"], after(1 / 2));
    // A whole cleanup ends headcni-wire, which its DaemonSet starts again: it must wait until that is gone.
    await cluster.runOnNodes(onlyWithdrawing(set), cleaners, after(5 / 8));
    await end(["wire", "cleanup"], after(3 / 4));
    const nodes = await cluster.runOnNodes(set, cleaners, after(1));
    // Those of another release are none of ours.
    await cluster.removeFromNodes([...nodes.clean, ...nodes.silent, ...nodes.failed]);
    if (nodes.failed.length === 0) await end(["cleanup"], after(1));
    for (const line of cleanupReport(nodes, set.metadata.name, values.advice))
      console.log(visible(`headcni-clean-nodes: ${line}`));
    process.exitCode = nodes.silent.length + nodes.failed.length === 0 ? 0 : 1;
  } finally {
    await transport.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof HeadcniError ? visible(`headcni-clean-nodes: ${error.message}`) : error);
  process.exitCode = 1;
}
