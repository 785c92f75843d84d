import { type LabelSelector, type Labels, selects } from "./label-selector.ts";
import type { PodPeer, PolicyNamespace, PolicyPod } from "./network-policy.ts";

/** Pods of the cluster by a pair of selectors, the same for every policy that names it so. */
export interface PodTerm {
  /** One namespace by its name, or those that a selector takes. */
  readonly namespaces: string | LabelSelector;
  readonly pods: LabelSelector;
}

export type NamespaceLabels = ReadonlyMap<string, Labels>;

export function namespaceLabels(namespaces: readonly PolicyNamespace[]): NamespaceLabels {
  return new Map(namespaces.map(({ name, labels }) => [name, labels]));
}

/** `policyNamespace`: of the policy whose peer it is. */
export function termOf({ namespaces, pods }: PodPeer, policyNamespace: string): PodTerm {
  return { namespaces: namespaces === "own" ? policyNamespace : namespaces, pods };
}

/** A namespace that is not known is selected by its name alone. */
export function termTakes({ namespaces, pods }: PodTerm, pod: PolicyPod, known: NamespaceLabels): boolean {
  if (typeof namespaces === "string") return pod.namespace === namespaces && selects(pods, pod.labels);
  const labels = known.get(pod.namespace);
  return labels !== undefined && selects(namespaces, labels) && selects(pods, pod.labels);
}
