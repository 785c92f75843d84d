import { setTimeout as delay } from "node:timers/promises";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { addPod, deletePod, execInPod, type Pod } from "../../lab/pods.ts";
import type { Progress } from "../../lab/progress.ts";
import { killService, type Service, serviceProcess, startService } from "../../lab/services.ts";
import { startPodServer, startProbe } from "../../lab/traffic/traffic.ts";
import { waitUntil } from "../../lab/wait-until.ts";

const headscale: Service = { name: "headscale" };
const tailscaled: Service = { name: "tailscaled", node: "n1" };
const probeEveryMs = 20;
/** A session lost on one side shows for this long: WireGuard's KEEPALIVE_TIMEOUT + REKEY_TIMEOUT, and some more. */
const lateProblemMs = 18_000;

/** The longest silences of one kill of tailscaled while Headscale was away, in ms. */
export type AwayKill = { readonly killMs: number; readonly returnMs: number };

/** What a long outage of Headscale cost one pair of pods. */
export type LongOutage = { readonly pair: string; readonly sent: number; readonly lost: number };

/** A pod on each node, each with a server. */
export async function outagePods(lab: Lab): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  for (const node of lab.nodes) {
    const pod = await addPod(lab, node.name, `outage-${node.name}`);
    await startPodServer(lab, pod);
    pods.push(pod);
  }
  return pods;
}

/** Kills n1's tailscaled with Headscale up; resolves with the longest silence between the pods, in ms. */
export async function killTailscaled(lab: Lab, [from, to]: readonly [Pod, Pod]): Promise<number> {
  await talk(from, to);
  const probe = await startProbe(from, to.address, probeEveryMs);
  await killAndWait(lab, from, to);
  return longestSilence(await probe.stop());
}

/** Kills Headscale and then n1's tailscaled, waits until pods talk, and brings Headscale back. */
export async function killTailscaledAlone(lab: Lab, [from, to]: readonly [Pod, Pod]): Promise<AwayKill> {
  await talk(from, to);
  await killService(lab, headscale);
  const probe = await startProbe(from, to.address, probeEveryMs);
  await killAndWait(lab, from, to);
  const killMs = longestSilence(await probe.stop());
  const returning = await startProbe(from, to.address, probeEveryMs);
  await startService(lab, headscale);
  for (const node of lab.nodes) await waitForDaemon(lab, node);
  await delay(lateProblemMs);
  return { killMs, returnMs: longestSilence(await returning.stop()) };
}

/** Headscale away for so long; meanwhile pods come and go. The first pod probes all others. */
export async function longOutage(
  lab: Lab,
  pods: readonly Pod[],
  minutes: number,
  progress: Progress,
): Promise<readonly LongOutage[]> {
  const [from, ...others] = pods;
  if (from === undefined) return [];
  const probes = [];
  for (const to of others) {
    await talk(from, to);
    probes.push({
      pair: `${from.node} to ${to.node}`,
      probe: await startProbe(from, to.address, probeEveryMs),
    });
  }
  await killService(lab, headscale);
  for (let minute = 0; minute < minutes; minute += 1) {
    progress(`Headscale has been away for ${minute} of ${minutes} minutes`);
    for (const node of lab.nodes) {
      await addPod(lab, node.name, "outage-guest");
      await deletePod(lab, "outage-guest");
    }
    await delay(58_000);
  }
  const reports = [];
  for (const { pair, probe } of probes) {
    const { sent, received } = await probe.stop();
    reports.push({ pair, sent, lost: sent - received });
  }
  await startService(lab, headscale);
  for (const node of lab.nodes) await waitForDaemon(lab, node);
  return reports;
}

async function killAndWait(lab: Lab, from: Pod, to: Pod): Promise<void> {
  const before = await serviceProcess(lab, tailscaled);
  await killService(lab, tailscaled);
  const restarted = async () => {
    const now = await serviceProcess(lab, tailscaled);
    return now !== undefined && now.pid !== before?.pid && (await reaches(from, to));
  };
  await waitUntil(restarted, { what: "pods talk after tailscaled was killed", timeoutMs: 60_000 });
  await talkSteadily(from, to, 2);
}

/** In whole ms. */
export const longestSilence = ({ longestSilenceMs }: { readonly longestSilenceMs: number }): number =>
  Math.round(longestSilenceMs);

/** Waits until pods talked for so long without a lost ping: a session that the peer forgets again shows a moment later. */
export async function talkSteadily(from: Pod, to: Pod, seconds: number): Promise<void> {
  const pings = ["ping", "-q", "-i", "0.1", "-c", String(10 * seconds), "-W", "1", to.address] as const;
  await waitUntil(async () => (await execInPod(from, pings)).stdout.includes(" 0% packet loss"), {
    what: `pods of ${from.node} and ${to.node} talk for ${seconds} s without a break`,
    timeoutMs: 60_000,
  });
}

const talk = (from: Pod, to: Pod) =>
  waitUntil(() => reaches(from, to), {
    what: `pods of ${from.node} and ${to.node} talk`,
    timeoutMs: 60_000,
  });

async function reaches(from: Pod, to: Pod): Promise<boolean> {
  return (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", to.address])).exitCode === 0;
}
