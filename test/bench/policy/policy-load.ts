import type { ApiCall, ApiConnection } from "../../lab/kubernetes/control-plane/api-connection.ts";
import {
  type BarePodSpec,
  labelCall,
  makePodCall,
  makePolicyCall,
  removePoliciesCall,
  tellAddressesCall,
} from "../../lab/kubernetes/workload/bare-pods.ts";

/** Namespaces of the measured pods, and of all others. */
export const measuredNamespace = "shop";
export const farNamespace = "far";
/** What selects the measured pods. */
export const measuredLabels = { app: "measured" };

export const policies = 1_000;
/** Of all sets together, at least. */
export const elements = 10_000;
export const farPods = 5_000;
const podsPerNode = 100;
const podsPerGroup = 10;
const groups = farPods / podsPerGroup;

const farPod = (index: number): BarePodSpec => ({
  namespace: farNamespace,
  name: `far-${index}`,
  node: `far-${Math.floor(index / podsPerNode)}`,
  labels: { group: `g${index % groups}` },
});

/** Nodes and pods that no machine runs: 10.130.NODE.POD. */
export async function makeFarPods(api: ApiConnection): Promise<void> {
  const indexes = Array.from({ length: farPods }, (_, index) => index);
  const nodes = Array.from({ length: farPods / podsPerNode }, (_, index): ApiCall => {
    const podCIDR = `10.130.${index}.0/24`;
    const spec = { podCIDR, podCIDRs: [podCIDR] };
    return ["POST", "/api/v1/nodes", { metadata: { name: `far-${index}` }, spec }];
  });
  await api.callAll(nodes);
  await api.callAll(indexes.map((index) => makePodCall(farPod(index))));
  await api.callAll(
    indexes.map((index) => {
      const address = `10.130.${Math.floor(index / podsPerNode)}.${(index % podsPerNode) + 2}`;
      return tellAddressesCall(farPod(index), [address]);
    }),
  );
}

/** The request that puts one of them into another group. */
export function relabelCall(): ApiCall {
  const index = Math.floor(Math.random() * farPods);
  return labelCall(farPod(index), { group: `g${Math.floor(Math.random() * groups)}` });
}

/**
 * Makes 1,000 policies that all select the measured pods, in both directions: half of them allow a group of ten pods, half ten addresses,
 * each on a port of its own, and the first one lets measured pods and friends through besides.
 */
export async function makePolicies(api: ApiConnection): Promise<void> {
  await api.callAll(
    Array.from({ length: policies }, (_, index) => {
      const ports = [{ protocol: "TCP", port: 10_000 + index }];
      const peers = index < groups ? [groupPeer(index)] : blockPeers(index);
      const friends = [
        { podSelector: { matchLabels: measuredLabels } },
        { podSelector: { matchLabels: friend } },
      ];
      const more = index === 0 ? { from: [{ from: friends }], to: [{ to: friends }] } : { from: [], to: [] };
      return makePolicyCall(measuredNamespace, `policy-${index}`, {
        podSelector: { matchLabels: measuredLabels },
        policyTypes: ["Ingress", "Egress"],
        ingress: [{ from: peers, ports }, ...more.from],
        egress: [{ to: peers, ports }, ...more.to],
      });
    }),
  );
}

export async function removePolicies(api: ApiConnection): Promise<void> {
  await api.call(...removePoliciesCall(measuredNamespace));
}

/** What lets a pod of the measured namespace through. */
export const friend = { role: "friend" };

function groupPeer(index: number): object {
  return { namespaceSelector: {}, podSelector: { matchLabels: { group: `g${index % groups}` } } };
}

/** Addresses that do not touch each other. */
function blockPeers(index: number): readonly object[] {
  return Array.from({ length: 10 }, (_, at) => {
    const number = (index - groups) * 10 + at;
    const cidr = `172.20.${number >> 6}.${(number & 63) * 4}/32`;
    return { ipBlock: { cidr } };
  });
}
