import { getJson } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { release } from "../../../lab/kubernetes/install/helm.ts";
import { type ClusterPod, workloadPods } from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab } from "../../../lab/lab-types.ts";

export type ComponentPod = {
  readonly metadata: { readonly uid: string; readonly name: string };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
};

/** HeadCNI's pods of a component, on all nodes. */
export async function componentPods(
  lab: Lab,
  component: "daemon" | "wire",
): Promise<readonly ComponentPod[]> {
  const labels = `app.kubernetes.io/name=headcni,app.kubernetes.io/component=${component}`;
  const args = ["-n", release.namespace, "pods", "-l", labels];
  return (await getJson<{ readonly items: readonly ComponentPod[] }>(lab, args)).items;
}

/** Their uids, sorted. */
export async function componentUids(lab: Lab, component: "daemon" | "wire"): Promise<readonly string[]> {
  return (await componentPods(lab, component)).map(({ metadata }) => metadata.uid).sort();
}

/** A pod of the workload `who` on n1, and one on n2. */
export async function acrossNodes(lab: Lab): Promise<readonly [ClusterPod, ClusterPod]> {
  const pods = await workloadPods(lab, "who");
  const [from, to] = ["n1", "n2"].map((name) => pods.find(({ node }) => node === name));
  if (from === undefined || to === undefined) throw new Error("no pod on each node");
  return [from, to];
}
