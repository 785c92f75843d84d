import { randomUUID } from "node:crypto";
import type { ApiCall, ApiConnection } from "../control-plane/api-connection.ts";

/** A pod's object in a cluster without kubelets (`apiOnly`): whoever wants its network calls the plugin with `cniArgs`. */
export type BarePod = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** CNI_ARGS as containerd gives them. */
  readonly cniArgs: string;
};

/** What a bare pod is to be. */
export type BarePodSpec = {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly labels?: Readonly<Record<string, string>>;
};

/** Requests that make a namespace, and what a controller makes in each. */
export function namespaceCalls(name: string): readonly [ApiCall, ApiCall] {
  return [
    ["POST", "/api/v1/namespaces", { metadata: { name } }],
    ["POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } }],
  ];
}

/** Makes a namespace that pods can be made in. */
export async function makeNamespace(api: ApiConnection, name: string): Promise<void> {
  for (const one of namespaceCalls(name)) await api.call(...one);
}

/** Makes a pod's object, on a node already. */
export async function makeBarePod(api: ApiConnection, spec: BarePodSpec): Promise<BarePod> {
  const { namespace, name } = spec;
  const made = await api.call(...makePodCall(spec));
  const { uid } = (made as { readonly metadata: { readonly uid: string } }).metadata;
  const args = { IgnoreUnknown: "1", K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name, K8S_POD_UID: uid };
  const cniArgs = Object.entries(args).map(([key, value]) => `${key}=${value}`);
  return { namespace, name, uid, cniArgs: cniArgs.join(";") };
}

/** The request that makes a pod's object. */
export function makePodCall({ namespace, name, node, labels = {} }: BarePodSpec): ApiCall {
  const spec = {
    nodeName: node,
    automountServiceAccountToken: false,
    containers: [{ name: "none", image: "none" }],
  };
  return ["POST", podsPath(namespace), { metadata: { name, labels }, spec }];
}

/** The request that tells a pod's addresses, as its kubelet does. */
export function tellAddressesCall(
  { namespace, name }: Pick<BarePodSpec, "namespace" | "name">,
  addresses: readonly string[],
): ApiCall {
  const podIPs = addresses.map((ip) => ({ ip }));
  const status = { phase: "Running", podIP: addresses[0], podIPs };
  return ["PATCH", `${podsPath(namespace)}/${name}/status`, { status }];
}

/** The request that changes labels; null takes one away. */
export function labelCall(
  { namespace, name }: Pick<BarePodSpec, "namespace" | "name">,
  labels: Readonly<Record<string, string | null>>,
): ApiCall {
  return ["PATCH", `${podsPath(namespace)}/${name}`, { metadata: { labels } }];
}

/** Removes a pod's object at once. */
export async function removeBarePod(
  api: ApiConnection,
  { namespace, name }: Pick<BarePodSpec, "namespace" | "name">,
): Promise<void> {
  await api.call("DELETE", `${podsPath(namespace)}/${name}?gracePeriodSeconds=0`);
}

/** The request that makes a NetworkPolicy. */
export function makePolicyCall(namespace: string, name: string, spec: object): ApiCall {
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  return ["POST", path, { metadata: { name }, spec }];
}

/** The request that removes all NetworkPolicies of a namespace. */
export function removePoliciesCall(namespace: string): ApiCall {
  return ["DELETE", `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`];
}

/** A name that no other pod has. */
export function freshName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 13)}`;
}

function podsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}
