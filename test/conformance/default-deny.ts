import { hostPrefix } from "../../src/domain/addresses/prefix.ts";
import { clusterOf } from "../lab/kubernetes/cluster.ts";
import { applyObjects, getJson } from "../lab/kubernetes/control-plane/kubectl.ts";
import type { Lab } from "../lab/lab-types.ts";

const dnsPorts = ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 }));
const isDns = { matchLabels: { "k8s-app": "kube-dns" } };

/**
 * Isolates all pods of all namespaces that there are, in both directions; the tests make namespaces of their own. Only the cluster's DNS may be
 * asked, and asks its API server and the nodes' resolvers. Returns the names of the namespaces.
 */
export async function denyByDefault(lab: Lab): Promise<readonly string[]> {
  type Namespaces = { readonly items: readonly { readonly metadata: { readonly name: string } }[] };
  const { items } = await getJson<Namespaces>(lab, ["namespaces"]);
  const names = items.map(({ metadata }) => metadata.name);
  const deny = names.map((namespace) =>
    policy(namespace, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
  );
  const api = { ipBlock: { cidr: hostPrefix(clusterOf(lab).apiAddress) } };
  const dns = policy("kube-system", "dns", {
    podSelector: isDns,
    policyTypes: ["Ingress", "Egress"],
    ingress: [{ ports: dnsPorts }],
    egress: [{ ports: dnsPorts }, { to: [api], ports: [{ protocol: "TCP", port: 6443 }] }],
  });
  await applyObjects(lab, [...deny, dns]);
  return names;
}

function policy(namespace: string, name: string, spec: object): object {
  const metadata = { namespace, name };
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec };
}
