/** A PodMonitor as the chart makes it (monitoring.coreos.com/v1). */
export interface PodMonitor {
  readonly metadata: { readonly namespace?: string };
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly attachMetadata: { readonly node: boolean };
    readonly podMetricsEndpoints: readonly {
      readonly path: string;
      readonly relabelings: readonly Readonly<Record<string, unknown>>[];
    }[];
  };
}

/**
 * What the Prometheus Operator makes of a PodMonitor (pkg/prometheus/promcfg.go, generatePodMonitorConfig), as far as the chart's goes: which
 * pods, the labels that all of them get, and then its own relabelings.
 */
export function scrapeConfigOf(
  { metadata, spec }: PodMonitor,
  access: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const [endpoint] = spec.podMetricsEndpoints;
  if (endpoint === undefined) throw new Error("a PodMonitor without endpoint");
  const labels = Object.entries(spec.selector.matchLabels).map(([label, value]) => ({
    action: "keep",
    source_labels: [`__meta_kubernetes_pod_label_${label.replaceAll(/[^A-Za-z0-9_]/g, "_")}`],
    regex: value,
  }));
  const named = ["namespace", "pod_container_name", "pod_name"].map((meta) => ({
    source_labels: [`__meta_kubernetes_${meta}`],
    target_label: { namespace: "namespace", pod_container_name: "container", pod_name: "pod" }[meta],
  }));
  return {
    metrics_path: endpoint.path,
    kubernetes_sd_configs: [
      {
        role: "pod",
        namespaces: { names: [metadata.namespace ?? "default"] },
        attach_metadata: { node: spec.attachMetadata.node },
        ...access,
      },
    ],
    relabel_configs: [...labels, ...named, ...endpoint.relabelings.map(snakeCase)],
  };
}

function snakeCase(relabeling: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const name = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(relabeling).map(([key, value]) => [name(key), value]));
}
