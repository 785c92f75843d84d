import { applyObjects, kubectl } from "../../kubernetes/control-plane/kubectl.ts";
import { openClusterPod } from "../../kubernetes/workload/open-cluster-pod.ts";
import {
  type ClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../kubernetes/workload/workload.ts";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { addPod, execInNode, execInPod, listPods, type Pod } from "../../pods.ts";
import { answersDatagram, fetchFrom, startPodServer } from "../../traffic/traffic.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Scene } from "../attack.ts";

/** The pods of an attack, each with the lab's server in it. Programs run in them as root, with every capability and raw sockets. */
export interface AttackPods {
  /** On the attacked node. */
  readonly attacker: Pod;
  readonly victim: Pod;
  /** On the other node. */
  readonly remote: Pod;
}

/** In a cluster the pods are those of a Deployment with this name, which has a Service of all families. */
export const workloadName = "attack";

/** Makes the pods, or finds those of an attack before. */
export async function attackPods({ lab, node, other }: Scene): Promise<AttackPods> {
  const pods =
    lab.options.kubernetes === undefined
      ? {
          attacker: await madePod(lab, node.name, `attacker-${node.name}`),
          victim: await madePod(lab, node.name, `victim-${node.name}`),
          remote: await madePod(lab, other.name, `victim-${other.name}`),
        }
      : await clusterPods(lab, node.name, other.name);
  for (const pod of Object.values(pods)) await serve(lab, pod);
  const { attacker, remote } = pods;
  await waitUntil(() => answersDatagram(attacker, remote.address), {
    what: "the attack's pods reach each other",
    timeoutMs: 60_000,
    explain: () => pathBetween(attacker, remote),
  });
  return pods;
}

/** Whether a pod gets an answer to one echo. */
export async function reaches(from: Pod, address: string): Promise<boolean> {
  return (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", address])).exitCode === 0;
}

/** Waits until a node itself gets an answer of pods. Throws LabError NOT_READY. */
export async function honestPingFromNode(node: LabNode, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const answered = async () =>
      (await execInNode(node, ["ping", "-q", "-c", "1", "-W", "1", address])).exitCode === 0;
    await waitUntil(answered, { what: `${node.name} reaches ${address}`, timeoutMs: 30_000 });
  }
}

/** Waits until a pod gets an answer. Throws LabError NOT_READY: then what was tried says nothing. */
export async function honestPing(from: Pod, addresses: readonly string[]): Promise<void> {
  for (const address of addresses)
    await waitUntil(() => reaches(from, address), {
      what: `pod ${from.name} reaches ${address} in an honest way`,
      timeoutMs: 30_000,
    });
}

/** What tells a path that is cut from a server that does not answer. */
export async function pathBetween(from: Pod, to: Pod): Promise<string> {
  const echoes = await Promise.all(to.addresses.map((address) => reaches(from, address)));
  const fetched = await fetchFrom(from, [to], 10);
  const within = await Promise.all(to.addresses.map((address) => answersDatagram(to, address)));
  const across = await Promise.all(to.addresses.map((address) => answersDatagram(from, address)));
  const { stdout } = await execInPod(to, ["grep", "^Udp:", "/proc/net/snmp"]);
  return [
    `afterwards echoes were ${answers(echoes)}`,
    `a transfer ended with ${fetched[0]?.error ?? "no error"}`,
    `datagrams within the pod were ${answers(within)}`,
    `datagrams to it were ${answers(across)}`,
    stdout.trim().replaceAll("\n", " "),
  ].join(", ");
}

function answers(which: readonly boolean[]): string {
  return which.map((answered) => (answered ? "answered" : "lost")).join(" and ");
}

async function madePod(lab: Lab, node: string, name: string): Promise<Pod> {
  return (await listPods(lab)).find((pod) => pod.name === name) ?? (await addPod(lab, node, name));
}

async function clusterPods(lab: Lab, node: string, other: string): Promise<AttackPods> {
  const ipFamilyPolicy = lab.options.families.length === 2 ? "RequireDualStack" : "SingleStack";
  const replicas = 2 * lab.nodes.length;
  await applyObjects(lab, workloadObjects({ name: workloadName, replicas, ipFamilyPolicy }));
  await waitForWorkload(lab, workloadName, 120);
  // After a boot the API server knows for a while the pods that were.
  const opened = async () => await openedPods(lab, node, other).catch(() => undefined);
  return await waitUntil(opened, {
    what: `the pods of "${workloadName}" run on ${node} and ${other}`,
    timeoutMs: 120_000,
    everyMs: 500,
    explain: () => kubectl(lab, ["get", "pods", "-A", "-o", "wide"]),
  });
}

async function openedPods(lab: Lab, node: string, other: string): Promise<AttackPods | undefined> {
  const pods = (await workloadPods(lab, workloadName)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const [attacker, victim] = pods.filter((pod) => pod.node === node);
  const [remote] = pods.filter((pod) => pod.node === other);
  if (attacker === undefined || victim === undefined || remote === undefined) return undefined;
  return {
    attacker: await openedPod(lab, attacker),
    victim: await openedPod(lab, victim),
    remote: await openedPod(lab, remote),
  };
}

/** After a boot the API server may still tell the address of the sandbox that was. */
async function openedPod(lab: Lab, pod: ClusterPod): Promise<Pod> {
  const opened = await openClusterPod(lab, pod);
  if (await hasItsAddress(opened)) return opened;
  throw new LabError("NOT_READY", `the API server gives pod ${pod.name} an address that it does not have`);
}

async function hasItsAddress(pod: Pod): Promise<boolean> {
  const { stdout } = await execInPod(pod, ["ip", "-o", "address", "show", "dev", "eth0"]);
  return stdout.includes(` ${pod.address}/`);
}

async function serve(lab: Lab, pod: Pod): Promise<void> {
  const { stdout } = await execInPod(pod, ["ss", "-Hltn", "sport = :8080"]);
  if (stdout.trim() === "") await startPodServer(lab, pod);
}
