import { beforeAll, expect, onTestFinished, test } from "vitest";
import { applyObjects, kubectl } from "../lab/kubernetes/kubectl.ts";
import { cutPower, powerOn } from "../lab/kubernetes/node-power.ts";
import {
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../lab/kubernetes/workload.ts";
import { nodeOf } from "../lab/lab-store.ts";
import { describeLeftovers, findLeftovers } from "../lab/leftovers.ts";
import { startLab } from "../lab/start-lab.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { nothingStray, strayKernelState } from "./support/stray-kernel-state.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 2, kubernetes: { network: "chart", proxyMode: "iptables" } });
const node = (name: string) => nodeOf(lab(), name);

beforeAll(async () => {
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 6 }));
  await waitForWorkload(lab(), "who");
});

/** True if every pod of the workload answers every other's ping. */
async function allPing(): Promise<boolean> {
  const pods = await workloadPods(lab(), "who");
  for (const from of pods) {
    for (const { address } of pods) {
      const { exitCode } = await execInClusterPod(lab(), from, ["ping", "-c", "1", "-W", "1", address]);
      if (exitCode !== 0) return false;
    }
  }
  return pods.length === 6;
}

test("after a node's reboot its pods have their network back and the kernel has theirs only", async () => {
  await cutPower(lab(), node("n2"));
  await powerOn(lab(), node("n2"));
  await waitUntil(allPing, { what: "all pods ping each other", timeoutMs: 120_000, everyMs: 500 });
  expect(await strayKernelState(lab(), node("n2"))).toEqual(nothingStray);
});

test("a Deployment that is scaled down leaves no link and no route behind", async () => {
  await kubectl(lab(), ["scale", "deployment/who", "--replicas=0"]);
  await kubectl(lab(), ["wait", "pods", "-l", "app=who", "--for=delete", "--timeout=60s"]);
  for (const each of lab().nodes) {
    expect(await strayKernelState(lab(), each)).toEqual(nothingStray);
  }
});

test("a cluster that goes down with running pods leaves nothing", async () => {
  const { LAB_TEST_RUN = "t" } = process.env;
  const id = `${LAB_TEST_RUN}kd`;
  onTestFinished(() => stopLab(id));
  const other = await startLab({
    id,
    nodes: 2,
    daemon: "none",
    kubernetes: { network: "reference", proxyMode: "nftables" },
  });
  await applyObjects(other, workloadObjects({ name: "who", replicas: 6 }));
  await waitForWorkload(other, "who");
  expect((await findLeftovers(id)).cgroups.length).toBeGreaterThan(0);
  await stopLab(id);
  expect(describeLeftovers(await findLeftovers(id))).toBeUndefined();
});
