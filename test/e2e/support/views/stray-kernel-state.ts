import { getJson } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";
import { podKernelState } from "./kernel-view.ts";

/** What a node's kernel has for pods beyond those that the API server knows, and what it lacks. */
export type StrayKernelState = {
  readonly routes: readonly string[];
  /** How many links there are more than pods with an address. */
  readonly links: number;
  readonly missing: readonly string[];
};

export const nothingStray: StrayKernelState = { routes: [], links: 0, missing: [] };

/** Compares a node's pod links and routes with the pods that have an address of their own there. */
export async function strayKernelState(lab: Lab, node: LabNode): Promise<StrayKernelState> {
  type Pod = {
    readonly spec: { readonly hostNetwork?: boolean };
    readonly status: { readonly podIP?: string };
  };
  const { links, routes } = await podKernelState(node);
  const here = ["pods", "-A", `--field-selector=spec.nodeName=${node.name}`];
  const { items } = await getJson<{ readonly items: readonly Pod[] }>(lab, here);
  const addresses = items.flatMap(({ spec, status }) =>
    spec.hostNetwork === true || status.podIP === undefined ? [] : [status.podIP],
  );
  return {
    routes: routes.filter((route) => !addresses.includes(route)),
    links: links.length - addresses.length,
    missing: addresses.filter((address) => !routes.includes(address)),
  };
}
