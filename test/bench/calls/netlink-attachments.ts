import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Kernel, openKernel } from "../../../src/adapters/netlink/open-kernel.ts";
import type { AttachmentPlan } from "../../../src/domain/attachment/attachment.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import { percentile } from "../report/statistics.ts";

// Attaching and releasing as the daemon's main thread sees it, beside the same set-up by two `ip -batch` processes.
// Run as root: node test/bench/calls/netlink-attachments.ts [PODS]. It works in a network namespace of its own.

const podNamespace = `/run/netns/hcnl-bench-${process.pid}`;
const podName = podNamespace.replace("/run/netns/", "");

type Work = (plan: AttachmentPlan) => Promise<unknown>;

const [pods = "300", place] = process.argv.slice(2);
if (place === "inside") {
  await bench(Number(pods));
} else {
  const self = fileURLToPath(import.meta.url);
  const inside = ["--net", process.execPath, self, pods, "inside"];
  process.exitCode = spawnSync("unshare", inside, { stdio: "inherit" }).status ?? 1;
}

async function bench(pods: number): Promise<void> {
  const kernel = await openKernel({ onFailure: (error) => process.emitWarning(error) });
  await kernel.state.createNamespace(podNamespace);
  try {
    await kernel.state.apply("node", [
      { op: "link.up", link: "lo" },
      { op: "address.add", link: "lo", address: "10.77.0.1", prefixLength: 32 },
    ]);
    const plans = Array.from({ length: pods }, (_, index) => planNumber(index));
    const attach: Work = (plan) => kernel.podNetwork.attach(plan);
    await timed(plans.slice(0, 20), 1, attach);
    await released(kernel, plans.slice(0, 20));
    const one = await timed(plans, 1, attach);
    const { resolved, gone } = await released(kernel, plans);
    const ten = await timed(plans, 10, attach);
    await released(kernel, plans);
    const byIp = await timed(plans.slice(0, 60), 1, attachByIp);
    const tenByIp = await timed(plans.slice(60, 160), 10, attachByIp);
    print("attach, one after the other", one.times, byIp.times);
    print("attach, ten at once", ten.times, tenByIp.times);
    print("detach answered", resolved, byIp.times);
    console.log(`${Math.round((pods / ten.totalMs) * 1000)} pods a second, ten at once`);
    console.log(`all ${pods} links gone ${gone.toFixed(0)} ms after the last answer`);
  } finally {
    await kernel.state.removeNamespace(podNamespace);
    await kernel.close();
  }
}

function planNumber(index: number): AttachmentPlan {
  return planAttachment(
    {
      wire: 1,
      command: "ADD",
      cniVersion: "1.1.0",
      containerId: index.toString(16).padStart(64, "0"),
      ifname: `e${index}`,
      netns: podNamespace,
      network: "headcni",
      pod: { uid: "6f1c1e0c-9d0e-4a51-a4f5-0b1d5c3f2e11", name: "pod", namespace: "default" },
    },
    { routerAddresses: ["10.77.0.1"], mtu: 1280 },
    { addresses: [`10.77.${1 + (index >> 8)}.${index & 255}`], order: 0 },
  );
}

async function timed(
  plans: readonly AttachmentPlan[],
  atOnce: number,
  work: Work,
): Promise<{ readonly times: readonly number[]; readonly totalMs: number }> {
  const begin = performance.now();
  const waiting = [...plans];
  const times: number[] = [];
  const lane = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      const start = performance.now();
      await work(plan);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { times, totalMs: performance.now() - begin };
}

async function released(
  kernel: Kernel,
  plans: readonly AttachmentPlan[],
): Promise<{ readonly resolved: readonly number[]; readonly gone: number }> {
  const { times } = await timed(plans, 1, (plan) => kernel.podNetwork.detach(plan.hostLink));
  const answered = performance.now();
  await kernel.podNetwork.removeLeaving();
  return { resolved: times, gone: performance.now() - answered };
}

async function attachByIp(plan: AttachmentPlan): Promise<void> {
  const { hostLink, ifname, addresses, hostMac, podMac } = plan;
  await ip(
    [],
    `link add ${hostLink} address ${hostMac} mtu 1280 group 18499 numtxqueues 1 numrxqueues 1 type veth peer name ${ifname} address ${podMac} mtu 1280 netns ${podName} numtxqueues 1 numrxqueues 1
     link set ${hostLink} up
     route add ${addresses[0]}/32 dev ${hostLink} src 10.77.0.1 metric 72 proto 72
     neigh add ${addresses[0]} lladdr ${podMac} dev ${hostLink} nud permanent`,
  );
  await ip(
    ["-n", podName],
    `link set lo up
     link set ${ifname} up
     address add ${addresses[0]}/32 dev ${ifname}
     neigh add 169.254.1.1 lladdr ${hostMac} dev ${ifname} nud permanent
     route replace default via 169.254.1.1 dev ${ifname} onlink`,
  );
}

async function ip(options: readonly string[], batch: string): Promise<void> {
  const child = spawn("ip", [...options, "-batch", "-"], { stdio: ["pipe", "ignore", "ignore"] });
  child.stdin.end(batch);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`ip ended with ${code}`);
}

function print(what: string, times: readonly number[], reference: readonly number[]): void {
  const number = (value: number) => value.toFixed(3).padStart(8);
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const byIp = percentile(reference, 0.5);
  const ratio = `${(p50 / byIp).toFixed(3)} of two \`ip -batch\` (${byIp.toFixed(1)} ms)`;
  console.log(`${what.padEnd(28)} p50 ${number(p50)} ms  p99 ${number(p99)} ms  ${ratio}`);
}
