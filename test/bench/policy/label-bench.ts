import { setTimeout as delay } from "node:timers/promises";
import { labelCall } from "../../lab/kubernetes/workload/bare-pods.ts";
import { type EchoProbe, startEchoProber } from "../../lab/traffic/echo-prober.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import type { MeasuredPod, PolicyBed } from "./policy-bed.ts";
import { friend, measuredNamespace } from "./policy-load.ts";

/** How long one change took until one server's node went by it, from sending it to the API server. */
export type LabelSample = {
  readonly server: string;
  readonly change: "allowed" | "refused";
  readonly ms: number;
};

const intervalUs = 2_000;
/** Without an answer for so long, a server has refused: many probes, on a busy machine, too. */
const silenceMs = 400;
const limitMs = 10_000;

/**
 * Gives a client the label that lets it reach servers on all nodes and takes it away again, `changes` times. The client sends to each every 2 ms:
 * with `fresh` each request is a flow of its own, which tells when the rules are in force; with `fixed` one flow each, which tells when it has ended, too.
 */
export async function benchLabels(
  { api }: PolicyBed,
  { client, servers }: { readonly client: MeasuredPod; readonly servers: readonly MeasuredPod[] },
  { changes, flows }: { readonly changes: number; readonly flows: EchoProbe["flows"] },
): Promise<readonly LabelSample[]> {
  const samples: LabelSample[] = [];
  /** When requests that were answered were sent, in ms since the epoch, since the last change. */
  let answered = new Map<string, number[]>();
  const addresses = servers.map(({ address }) => address);
  const prober = await startEchoProber(
    { netns: client.netns, addresses, flows, intervalUs },
    ({ kind, from, sentMs }) => {
      if (kind !== "answer") return;
      const times = answered.get(from) ?? [];
      times.push(sentMs);
      answered.set(from, times);
    },
  );
  const change = async (labels: Readonly<Record<string, string | null>>) => {
    answered = new Map();
    const atMs = Date.now();
    await api.call(...labelCall({ namespace: measuredNamespace, name: client.name }, labels));
    return atMs;
  };
  const after = (server: MeasuredPod, atMs: number) =>
    (answered.get(server.address) ?? []).filter((sentMs) => sentMs >= atMs);
  try {
    for (let count = 0; count < changes; count += 1) {
      const allowed = count % 2 === 0;
      const atMs = await change(allowed ? friend : { role: null });
      const done = (server: MeasuredPod) => {
        const times = after(server, atMs);
        return allowed ? times.length > 0 : Date.now() - Math.max(atMs, ...times) > silenceMs;
      };
      await waitUntil(() => servers.every(done), {
        what: `all servers have ${allowed ? "answered" : "fallen silent"}`,
        timeoutMs: limitMs,
        everyMs: 10,
      });
      for (const server of servers) {
        const times = after(server, atMs);
        const ms = (allowed ? Math.min(...times) : Math.max(atMs, ...times)) - atMs;
        samples.push({ server: server.name, change: allowed ? "allowed" : "refused", ms });
      }
      // Changes come at any moment of a daemon's pauses.
      await delay(Math.random() * 300);
    }
  } finally {
    await prober.stop();
    await change({ role: null });
  }
  return samples;
}
