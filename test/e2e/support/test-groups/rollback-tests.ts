import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import {
  ensurePreviousRelease,
  previousReleaseMissing,
  type Release,
} from "../../../lab/build/previous-release.ts";
import { applyObjects, kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { chartFolder, helm, release, writeValues } from "../../../lab/kubernetes/install/helm.ts";
import { waitForRollout } from "../../../lab/kubernetes/install/install.ts";
import { importImages } from "../../../lab/kubernetes/node/containerd.ts";
import {
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab } from "../../../lab/lab-types.ts";
import { stderrProgress } from "../../../lab/progress.ts";
import { waitUntil } from "../../../lab/wait-until.ts";
import { pingMeanwhile } from "../traffic/ping-meanwhile.ts";
import { watchCluster } from "../views/cluster-watch.ts";
import { acrossNodes, componentPods, componentUids } from "../views/component-pods.ts";

const missing = await previousReleaseMissing();

/**
 * helm upgrade from the release before, helm rollback to it, and forward again, on clean nodes without a release. Afterwards this release is
 * installed, without pods.
 */
export function rollbackTests(lab: () => Lab): void {
  let previous: Release;

  beforeAll(async () => {
    if (missing !== undefined) return;
    const progress = stderrProgress();
    previous = await ensurePreviousRelease(progress);
    await Promise.all(lab().nodes.map((node) => importImages(lab(), node, previous.image.archive)));
    await helm(lab(), ["install", release.name, previous.chart, ...(await valuesOf(previous))]);
    await waitForRollout(lab());
    await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
    await applyObjects(lab(), workloadObjects({ name: "who", replicas: 4 }));
    await waitForWorkload(lab(), "who", 120);
  }, 1_800_000);

  afterAll(async () => {
    if (missing !== undefined) return;
    await kubectl(lab(), ["delete", "deployment/who", "service/who"]);
    await kubectl(lab(), ["wait", "pods", "-l", "app=who", "--for=delete", "--timeout=110s"]);
  });

  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  /** The lab's values; of the release before with its image, and without the keys that it does not know yet. */
  async function valuesOf(before?: Release): Promise<readonly string[]> {
    if (before === undefined) return [`--values=${await writeValues(lab())}`];
    const tag = before.image.name.split(":").at(-1);
    return [`--values=${await writeValues(lab(), ["allowFromUnderlay"])}`, `--set=image.tag=${tag}`];
  }

  const daemonImages = async () => [
    ...new Set(
      (await componentPods(lab(), "daemon")).flatMap(({ spec }) => spec.containers.map(({ image }) => image)),
    ),
  ];

  /** A daemon of whichever release gives new pods their network on all nodes, and they reach the old ones. */
  async function expectNewPods(): Promise<void> {
    await applyObjects(lab(), workloadObjects({ name: "new", replicas: lab().nodes.length }));
    await waitForWorkload(lab(), "new", 120);
    const [, to] = await acrossNodes(lab());
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
    const before = await componentUids(lab(), "wire");
    const labels = "app.kubernetes.io/component=wire";
    await kubectl(lab(), ["-n", release.namespace, "delete", "pod", "-l", labels, "--wait"]);
    await waitUntil(
      async () =>
        (await componentUids(lab(), "wire")).filter((uid) => !before.includes(uid)).length ===
        lab().nodes.length,
      {
        what: "headcni-wire is replaced on all nodes",
        timeoutMs: 120_000,
        everyMs: 500,
      },
    );
    const [from, to] = await acrossNodes(lab());
    const answers = async () =>
      (await execInClusterPod(lab(), from, ["ping", "-c", "1", "-W", "1", to.address])).exitCode === 0;
    await waitUntil(answers, { what: "pods talk again", timeoutMs: 120_000, everyMs: 500 });
  }

  test.each([
    ["an upgrade to this release, beside the wire of the one before", toThis, "this"],
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
      const daemons = await componentUids(lab(), "daemon");
      const wires = await componentUids(lab(), "wire");
      const pinged = await pingMeanwhile(lab(), ...(await acrossNodes(lab())));

      await change();
      await waitForRollout(lab());

      const { received, lost } = await pinged();
      expect(received).toBeGreaterThan(0);
      expect(lost).toEqual([]);
      expect((await componentUids(lab(), "daemon")).filter((uid) => daemons.includes(uid))).toEqual([]);
      expect(await componentUids(lab(), "wire")).toEqual(wires);
      const [image = ""] = await daemonImages();
      expect(image === previous.image.name ? "previous" : "this").toBe(to);
      expect(nodes.lines().filter((line) => !/^True /.test(line))).toEqual([]);
      await expectNewPods();
    },
    600_000,
  );
}
