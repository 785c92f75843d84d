import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import {
  ensurePreviousRelease,
  previousReleaseMissing,
  type Release,
} from "../lab/build/previous-release.ts";
import { importImages } from "../lab/kubernetes/containerd.ts";
import { chartFolder, helm, release, writeValues } from "../lab/kubernetes/helm.ts";
import { waitForRollout } from "../lab/kubernetes/install.ts";
import { applyObjects, getJson, kubectl } from "../lab/kubernetes/kubectl.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../lab/kubernetes/workload.ts";
import { stderrProgress } from "../lab/progress.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { watchCluster } from "./support/cluster-watch.ts";
import { pingMeanwhile } from "./support/ping-meanwhile.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 2, kubernetes: { network: "none", proxyMode: "nftables" } });
const missing = await previousReleaseMissing();
let previous: Release;

beforeAll(async () => {
  if (missing !== undefined) return;
  const progress = stderrProgress();
  previous = await ensurePreviousRelease(progress);
  for (const node of lab().nodes) await importImages(lab(), node, previous.image.archive);
  await helm(lab(), ["install", release.name, previous.chart, ...(await valuesOf(previous))]);
  await waitForRollout(lab());
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 4 }));
  await waitForWorkload(lab(), "who", 120);
}, 1_800_000);

beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
});

/** The lab's values; of the release before with its image, and without the keys that it does not know yet. */
async function valuesOf(before?: Release): Promise<readonly string[]> {
  if (before === undefined) return [`--values=${await writeValues(lab())}`];
  const tag = before.image.name.split(":").at(-1);
  return [`--values=${await writeValues(lab(), ["allowFromUnderlay"])}`, `--set=image.tag=${tag}`];
}

type Pods = {
  readonly items: readonly {
    readonly metadata: { readonly uid: string; readonly name: string };
    readonly spec: { readonly containers: readonly { readonly image: string }[] };
  }[];
};

async function component(name: string) {
  const labels = `app.kubernetes.io/name=headcni,app.kubernetes.io/component=${name}`;
  return (await getJson<Pods>(lab(), ["-n", release.namespace, "pods", "-l", labels])).items;
}
const uids = async (name: string) => (await component(name)).map(({ metadata }) => metadata.uid).sort();
const images = async (name: string) => [
  ...new Set((await component(name)).flatMap(({ spec }) => spec.containers.map(({ image }) => image))),
];

async function acrossNodes(): Promise<readonly [ClusterPod, ClusterPod]> {
  const pods = await workloadPods(lab(), "who");
  const [from, to] = ["n1", "n2"].map((name) => pods.find(({ node }) => node === name));
  if (from === undefined || to === undefined) throw new Error("no pod on each node");
  return [from, to];
}

/** A daemon of whichever release gives new pods their network on both nodes, and they reach the old ones. */
async function expectNewPods(): Promise<void> {
  await applyObjects(lab(), workloadObjects({ name: "new", replicas: 2 }));
  await waitForWorkload(lab(), "new", 120);
  const [, to] = await acrossNodes();
  for (const pod of await workloadPods(lab(), "new")) {
    const { stdout } = await execInClusterPod(lab(), pod, ["ping", "-c", "3", "-W", "5", to.address]);
    expect(stdout, pod.node).toContain("3 packets received");
  }
  await kubectl(lab(), ["delete", "deployment/new", "service/new", "--wait"]);
}

const toThis = async () => helm(lab(), ["upgrade", release.name, chartFolder, ...(await valuesOf())]);
const back = async () => helm(lab(), ["rollback", release.name]);

/** Ends headcni-wire on all nodes, as an operator does after an upgrade. It cuts them off for some seconds. */
async function replaceWires(): Promise<void> {
  const before = await uids("wire");
  const labels = "app.kubernetes.io/component=wire";
  await kubectl(lab(), ["-n", release.namespace, "delete", "pod", "-l", labels, "--wait"]);
  await waitUntil(async () => (await uids("wire")).filter((uid) => !before.includes(uid)).length === 2, {
    what: "headcni-wire is replaced on both nodes",
    timeoutMs: 120_000,
    everyMs: 500,
  });
  const [from, to] = await acrossNodes();
  const answers = async () =>
    (await execInClusterPod(lab(), from, ["ping", "-c", "1", "-W", "1", to.address])).exitCode === 0;
  await waitUntil(answers, { what: "pods talk again", timeoutMs: 120_000, everyMs: 500 });
}

test.each([
  ["an upgrade to this release, beside the wire of the one before", toThis, "this"],
  ["a rollback", back, "previous"],
  ["an upgrade once more", toThis, "this"],
  ["a rollback, beside the wire of this release", back, "previous", replaceWires],
  ["and forward again", toThis, "this"],
] as const)(
  "%s loses no packet, and new pods get their network",
  async (_, change, to, prepare?) => {
    await prepare?.();
    const nodes = await watchCluster(
      lab(),
      ["nodes"],
      '{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}',
    );
    onTestFinished(nodes.end);
    const daemons = await uids("daemon");
    const wires = await uids("wire");
    const pinged = await pingMeanwhile(lab(), ...(await acrossNodes()));

    await change();
    await waitForRollout(lab());

    const { received, lost } = await pinged();
    expect(received).toBeGreaterThan(0);
    expect(lost).toEqual([]);
    expect((await uids("daemon")).filter((uid) => daemons.includes(uid))).toEqual([]);
    expect(await uids("wire")).toEqual(wires);
    const [image = ""] = await images("daemon");
    expect(image === previous.image.name ? "previous" : "this").toBe(to);
    expect(nodes.lines().filter((line) => !/^True /.test(line))).toEqual([]);
    await expectNewPods();
  },
  600_000,
);
