import { selects } from "./label-selector.ts";
import type { AttachedPod, Direction, NetworkPolicy, PolicyPod } from "./network-policy.ts";

/** What isolates a pod of this node in one direction. */
export type Isolation =
  /** No policy selects it: it is not judged. */
  | { readonly kind: "none" }
  /** Its labels are not known, and its namespace has policies: nothing passes until they are. */
  | { readonly kind: "unknownPod" }
  | { readonly kind: "policies"; readonly pod: PolicyPod; readonly policies: readonly NetworkPolicy[] };

/** `pod`: undefined while the API server did not tell of it. */
export function isolationOf(
  { namespace }: Pick<AttachedPod, "namespace">,
  pod: PolicyPod | undefined,
  direction: Direction,
  policies: readonly NetworkPolicy[],
): Isolation {
  if (pod === undefined) {
    const threatens = policies.some((policy) => namespace === "" || policy.namespace === namespace);
    return threatens ? { kind: "unknownPod" } : { kind: "none" };
  }
  const selecting = policies.filter(
    (policy) =>
      policy[direction] !== undefined &&
      policy.namespace === pod.namespace &&
      selects(policy.pods, pod.labels),
  );
  return selecting.length === 0 ? { kind: "none" } : { kind: "policies", pod, policies: selecting };
}
