import { Histogram, type Registry } from "prom-client";
import { attachmentKey } from "../../domain/attachment/attachment.ts";
import type { CniRequest } from "../../protocol/cni-protocol.ts";

/** How long pods' networks took to set up, by namespace. A series goes some minutes after the last pod of it here. */
export interface PodSetupMetric {
  /** An ADD succeeded. */
  added(request: Pick<CniRequest, "containerId" | "ifname" | "pod">, seconds: number): void;
  /** These attachments stand no more. */
  ended(keys: readonly string[]): void;
}

type Labels = { readonly namespace: string; readonly pod_name?: string };

/** Long enough for every scrape: the last pod may have lived for seconds. */
const stayMs = 5 * 60_000;
/** Series without a pod at most, if nobody reads them. */
const maxLeft = 256;

export function createPodSetupMetric(
  registry: Registry,
  options: { readonly podNames: boolean; readonly buckets: number[]; readonly monotonicMs: () => number },
): PodSetupMetric {
  const { podNames, buckets, monotonicMs } = options;
  /** By attachment; each of one series has the very same text. */
  const standing = new Map<string, string>();
  /** Series without a pod, oldest first, and since when. */
  const left = new Map<string, number>();
  const histogram = new Histogram<keyof Labels>({
    name: "headcni_pod_network_setup_duration_seconds",
    help: "Time from the arrival of an ADD to its successful answer.",
    labelNames: podNames ? ["namespace", "pod_name"] : ["namespace"],
    buckets,
    registers: [registry],
    collect() {
      for (const [series, since] of left) if (monotonicMs() - since >= stayMs) forget(series);
    },
  });

  function forget(series: string): void {
    left.delete(series);
    histogram.remove(JSON.parse(series) as Labels);
  }

  return {
    added({ containerId, ifname, pod }, seconds) {
      const labels: Labels = { namespace: pod.namespace, ...(podNames && { pod_name: pod.name }) };
      histogram.observe(labels, seconds);
      const series = JSON.stringify(labels);
      standing.set(attachmentKey(containerId, ifname), series);
      left.delete(series);
    },
    ended(keys) {
      const ended = keys.flatMap((key) => standing.get(key) ?? []);
      for (const key of keys) standing.delete(key);
      const still = new Set(standing.values());
      for (const series of ended) if (!still.has(series)) left.set(series, monotonicMs());
      for (const series of [...left.keys()].slice(0, Math.max(0, left.size - maxLeft))) forget(series);
    },
  };
}
