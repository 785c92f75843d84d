import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { podWatchLimits } from "../../../../machines/pod-watch/pod-watch-setup.ts";
import { startDaemon, waitForDaemon } from "../../../lab/headcni/daemon.ts";
import { liveMachines } from "../../../lab/headcni/daemon-pages.ts";
import { ctlDocument } from "../../../lab/headcni/run-ctl.ts";
import { applyObjects, getJson, kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { imageNames } from "../../../lab/kubernetes/images/lab-images.ts";
import { nodeObject } from "../../../lab/kubernetes/node/kubelet.ts";
import { openClusterPod } from "../../../lab/kubernetes/workload/open-cluster-pod.ts";
import { waitForWorkload, workloadObjects, workloadPods } from "../../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../../lab/lab-store.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import type { Pod } from "../../../lab/pods.ts";
import { run } from "../../../lab/run-command.ts";
import { killService, startService, stopService } from "../../../lab/services.ts";
import { waitUntil } from "../../../lab/wait-until.ts";
import { podKernelState } from "../views/kernel-view.ts";

/** In ms. That the grace period is two minutes is proven in test/machines/pod-watch/pod-watch.test.ts. */
const shortGrace = 8_000;
/** What the daemon imports before its own code: its timers of a grace period are short. */
const shorten = `const { setTimeout } = globalThis;
globalThis.setTimeout = (work, ms, ...args) => setTimeout(work, ms === ${podWatchLimits.grace} ? ${shortGrace} : ms, ...args);`;

/** Pods of n1 that end while its daemon is down or that it refuses, in a lab of at least one node whose daemons run beside kubelet. */
export function podWatchTests(lab: () => Lab): void {
  const node = (): LabNode => nodeOf(lab(), "n1");
  const daemon = { name: "daemon", node: "n1" } as const;
  const kubelet = { name: "kubelet", node: "n1" } as const;
  /** Its pod ended while the daemon was down, its DEL is lost, and its namespace lives on. */
  const orphan: { pod: Pod } = {} as never;

  type Status = {
    readonly attachments: readonly { readonly addresses: readonly string[]; readonly state: string }[];
    readonly pools: readonly { readonly used: number }[];
  };
  const status = async () =>
    (await ctlDocument<{ readonly status: Status }>(lab(), node(), ["status"])).status;
  const attached = async () =>
    (await status()).attachments.filter(({ addresses }) => addresses.join().includes(orphan.pod.address));
  const stateOf = async (machine: string) =>
    (await liveMachines(node())).find((row) => row.machine === machine)?.state ?? "";
  const linksIn = (netns: string) => run(inNetns(netns, ["ip", "-o", "link"]));

  beforeAll(async () => {
    // Pods are to come to n1.
    for (const { name } of lab().nodes.slice(1)) await kubectl(lab(), ["cordon", name]);
    await applyObjects(
      lab(),
      ["stays", "lost"].flatMap((name) => workloadObjects({ name, replicas: 1 })),
    );
    for (const name of ["stays", "lost"]) await waitForWorkload(lab(), name);
    const [pod] = await workloadPods(lab(), "lost");
    if (pod === undefined) throw new Error("the pod to lose does not run");
    // As a mount that leaked into some container does, the name keeps the namespace, and with it the link.
    orphan.pod = await openClusterPod(lab(), pod);
    await stopService(lab(), daemon);
    await kubectl(lab(), ["scale", "deployment/lost", "--replicas=0"]);
    await kubectl(lab(), ["wait", "pods", "-l", "app=lost", "--for=delete", "--timeout=90s"]);
    // The kubelet's garbage collection would have containerd ask for DEL once more.
    await killService(lab(), kubelet);
    const spool = join(node().runtimeDir, "deleted");
    const spooled = await readdir(spool);
    expect(spooled).toHaveLength(1);
    for (const file of spooled) await rm(join(spool, file));
    await startDaemon(lab(), node(), {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shorten)}`,
    });
    await waitForDaemon(lab(), node());
  });

  test("a daemon that comes back suspects the attachment of a pod that ended meanwhile without a DEL", async () => {
    await waitUntil(async () => (await stateOf("podWatch")).includes("suspicion.suspecting"), {
      what: "the pod watch suspects an attachment",
      timeoutMs: 30_000,
      explain: async () => await stateOf("podWatch"),
    });
    expect(await attached()).toMatchObject([{ state: "attached" }]);
    expect((await podKernelState(node())).routes).toContain(orphan.pod.address);
    expect(await linksIn(orphan.pod.netns)).toContain("eth0");
  });

  test("after two grace periods its attachment is removed: link, route and address", async () => {
    await waitUntil(async () => (await attached()).length === 0, {
      what: "the attachment of the lost pod is reclaimed",
      timeoutMs: 120_000,
      explain: async () => await stateOf("podWatch"),
    });
    expect((await podKernelState(node())).routes).not.toContain(orphan.pod.address);
    await waitUntil(async () => !(await linksIn(orphan.pod.netns)).includes("eth0"), {
      what: "the link of the lost pod is gone",
      timeoutMs: 5_000,
    });
    const { pools, attachments } = await status();
    expect(pools[0]?.used).toBe(attachments.length);
    expect(await stateOf("podWatch")).toContain("suspicion.calm");
    // The others were let alone.
    expect(await workloadPods(lab(), "stays")).toHaveLength(1);
  });

  test("an ADD that is refused, however often, is one Event on its Pod, and the Pod runs once it is not", async () => {
    const events = async () => {
      type Event = { readonly message: string; readonly series?: { readonly count: number } };
      const selector = "involvedObject.name=refused,reason=NetworkNotAttached";
      return (
        await getJson<{ readonly items: readonly Event[] }>(lab(), ["events", "--field-selector", selector])
      ).items;
    };
    const replaceNode = async (podCIDR: string) => {
      // At once: the control plane's garbage collection takes the pods of a Node that it finds missing.
      const object = JSON.stringify(nodeObject({ ...node(), podCIDR, podCIDRs: [podCIDR] }));
      await kubectl(lab(), ["replace", "--force", "-f", "-"], { input: object });
    };
    // Before the kubelet has told a new Node's capacity it refuses pods itself.
    const untilReady = () => kubectl(lab(), ["wait", "node/n1", "--for=condition=Ready", "--timeout=60s"]);
    const own = node().podCIDR;
    const other = own.replace(/\d+\.0\/24$/, "77.0/24");
    // Before the kubelet starts, which makes a Node that it does not find; later it leaves that to others.
    await replaceNode(other);
    await startService(lab(), kubelet);
    await untilReady();
    await waitUntil(async () => (await stateOf("ownNode")) === "working.holding.conflicting", {
      what: "the Node has another pod CIDR than its pods",
      timeoutMs: 30_000,
      explain: async () => await stateOf("ownNode"),
    });
    const container = { name: "main", image: imageNames.busybox, imagePullPolicy: "Never" };
    // No scheduler puts it there: the Node says that its network is unavailable.
    const spec = { nodeName: "n1", terminationGracePeriodSeconds: 1, containers: [container] };
    await applyObjects(lab(), [{ apiVersion: "v1", kind: "Pod", metadata: { name: "refused" }, spec }]);
    await waitUntil(async () => (await events()).some(({ series }) => (series?.count ?? 0) >= 2), {
      what: "an Event tells of a second refusal",
      timeoutMs: 150_000,
      explain: async () =>
        `${JSON.stringify(await events())}\n${await kubectl(lab(), ["describe", "pod/refused"])}`,
    });
    const told = await events();
    expect(told).toMatchObject([
      {
        type: "Warning",
        involvedObject: { kind: "Pod", name: "refused" },
        message: expect.stringContaining(`the Node's pod CIDR is ${other}, but this node works with ${own}`),
      },
    ]);
    await replaceNode(own);
    await untilReady();
    await kubectl(lab(), ["wait", "pod/refused", "--for=condition=Ready", "--timeout=110s"]);
    expect(await events()).toHaveLength(1);
  });
}
