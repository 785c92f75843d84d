import { readFile, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { openInspectorPage } from "../../e2e/support/inspector-page.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import type { Progress } from "../../lab/progress.ts";
import { BenchError } from "../bench-error.ts";
import { attach, countVeths, detach, jobsFor, settled } from "../calls/attachments.ts";
import type { Candidate } from "../calls/candidate.ts";
import { labCandidate } from "../calls/lab-candidate.ts";
import { benchPlugins, type Sample } from "../calls/plugin-bench.ts";
import { makeSandboxes, removeSandboxes } from "../calls/sandboxes.ts";
import { memoryOf, requireDaemon, restartDaemon } from "../daemon/daemon-runs.ts";
import { type Measurement, percentile, ratio } from "../report/statistics.ts";

/** How a daemon of the comparison runs: the inspector off, on with nobody watching, on with a viewer. */
const ways = ["off", "on", "watched"] as const;
type Way = (typeof ways)[number];

/** What the inspector costs and how quick it is. */
export type InspectorFindings = {
  /** p50 of an ADD, round by round, against the daemon without the inspector. */
  readonly addOn: Measurement;
  readonly addWatched: Measurement;
  readonly addP50Ms: Readonly<Record<Way, number>>;
  readonly rssMb: Readonly<Record<Way, number>>;
  /** From a transition in the daemon until a real Chromium had drawn it, while pods come and go. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly transitions: number };
};

/** Measures on a lab of three nodes, one for each way, on the same kernel. */
export async function benchInspector(
  lab: Lab,
  { pods, rounds }: { readonly pods: number; readonly rounds: number },
  progress: Progress,
): Promise<InspectorFindings> {
  const [off, on, watched] = lab.nodes;
  if (off === undefined || on === undefined || watched === undefined)
    throw new BenchError("BAD_OPTION", "the comparison needs three nodes");
  for (const node of [on, watched]) await enableInspector(lab, node);
  const nodes = { off, on, watched };
  const candidates: Candidate[] = [];
  for (const way of ways) candidates.push({ ...(await labCandidate(nodes[way])), name: way });
  const viewer = await watch(watched);
  const options = { pods, rounds, sandboxPrefix: `${netnsPrefix(lab.id)}s-` };
  const samples = await benchPlugins(async () => candidates, options, progress);
  viewer.destroy();
  const memory = async (way: Way) => (await memoryOf((await requireDaemon(lab, nodes[way])).pid)).rssMb;
  const rssMb = { off: await memory("off"), on: await memory("on"), watched: await memory("watched") };
  const latencies = await drawnLatencies(watched, options.sandboxPrefix, progress);
  return {
    addOn: ratio(addP50s(samples, "on"), addP50s(samples, "off")),
    addWatched: ratio(addP50s(samples, "watched"), addP50s(samples, "off")),
    addP50Ms: {
      off: percentile(addTimes(samples, "off"), 0.5),
      on: percentile(addTimes(samples, "on"), 0.5),
      watched: percentile(addTimes(samples, "watched"), 0.5),
    },
    rssMb,
    latencyMs: {
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      transitions: latencies.length,
    },
  };
}

const ofAdd = (samples: readonly Sample[], way: Way) =>
  samples
    .filter(({ candidate, command, load }) => candidate === way && command === "ADD" && load === "sequential")
    .toSorted((one, other) => one.round - other.round);

const addP50s = (samples: readonly Sample[], way: Way) => ofAdd(samples, way).map(({ p50Ms }) => p50Ms);

const addTimes = (samples: readonly Sample[], way: Way) =>
  ofAdd(samples, way).flatMap(({ elapsedMs }) => elapsedMs);

async function enableInspector(lab: Lab, node: LabNode): Promise<void> {
  const config = JSON.parse(await readFile(node.configFile, "utf8")) as Record<string, object>;
  config["monitoring"] = { ...config["monitoring"], inspector: true };
  await writeFile(node.configFile, JSON.stringify(config, null, 2));
  await restartDaemon(lab, node);
}

/** A viewer that reads everything and does nothing with it: a browser here would take the CPU that is measured. */
function watch(node: LabNode): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ socketPath: node.httpSocket, path: "/inspect/stream" }, (response) => {
      response.on("error", () => undefined);
      resolve(response.resume());
    }).on("error", reject);
  });
}

/** 200 pods come and go, ten calls at once, while a page watches. */
async function drawnLatencies(node: LabNode, prefix: string, progress: Progress): Promise<readonly number[]> {
  progress("Inspector: 200 pods come and go before a real Chromium");
  const inspector = await openInspectorPage(node.httpSocket);
  try {
    const candidate = await labCandidate(node);
    const veths = await countVeths(candidate);
    const sandboxes = await makeSandboxes(prefix, 200);
    await inspector.latencies();
    const { attachments } = await attach(candidate, jobsFor(sandboxes, "inspected"), 10);
    await detach(candidate, attachments, 10);
    const latencies = await inspector.latencies();
    await settled(candidate, veths);
    return latencies;
  } finally {
    await inspector.close();
    await removeSandboxes(prefix);
  }
}
