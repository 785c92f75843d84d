import type { PolicyPod } from "./network-policy.ts";

/**
 * Pods by the UID under which a kubelet runs them. Whoever may create pods may write the annotation that makes a pod the mirror of
 * any UID: a pod under its own UID is no mirror's, and of two mirrors the older one counts.
 */
export function podsByRuntimeUid(pods: readonly PolicyPod[]): ReadonlyMap<string, PolicyPod> {
  const byUid = new Map<string, PolicyPod>();
  for (const pod of pods) {
    const known = byUid.get(pod.runtimeUid);
    if (known === undefined || comesBefore(pod, known)) byUid.set(pod.runtimeUid, pod);
  }
  return byUid;
}

/** The pod that a kubelet runs under this UID; undefined when none is known. */
export function runtimePod(pods: readonly PolicyPod[], runtimeUid: string): PolicyPod | undefined {
  return podsByRuntimeUid(pods.filter((pod) => pod.runtimeUid === runtimeUid)).get(runtimeUid);
}

function comesBefore(pod: PolicyPod, known: PolicyPod): boolean {
  const isOwn = ({ uid, runtimeUid }: PolicyPod) => uid === runtimeUid;
  if (isOwn(pod) !== isOwn(known)) return isOwn(pod);
  if (pod.createdAt !== known.createdAt) return pod.createdAt < known.createdAt;
  return pod.uid < known.uid;
}
