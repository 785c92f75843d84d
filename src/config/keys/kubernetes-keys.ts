import { z } from "zod";
import { absolutePath, text } from "../values/value-schemas.ts";
import { key } from "./key-about.ts";

const connectsOnce = { restart: "the daemon begins to watch the cluster when it starts" };

/** Keys of `kubernetes`. */
export const kubernetesKeys = {
  enabled: key(z.boolean().prefault(false), {
    description:
      "Whether the node is one of a Kubernetes cluster: pod CIDRs come from Nodes, orphans are found, failures become Events.",
    mustBe: "true or false",
    example: true,
    change: connectsOnce,
  }),
  kubeconfig: key(absolutePath.optional(), {
    description: "Kubeconfig for the API server; absent: the service account of the pod.",
    mustBe: "an absolute path",
    example: "/etc/headcni/kubeconfig",
    change: connectsOnce,
  }),
  // k8s.io/apimachinery labels.Parse: names, values and set operators.
  podSelector: key(text(/^[A-Za-z0-9_./=!, ()-]*$/, 1024).prefault(""), {
    description: "Label selector of the pods that get Events and whose orphans are removed; empty: all.",
    mustBe: "a label selector such as app=web,tier!=cache",
    example: "app=web",
    change: connectsOnce,
  }),
  networkPolicy: key(z.boolean().prefault(false), {
    description:
      "Whether NetworkPolicies are enforced. The daemon then lists and watches NetworkPolicies, Namespaces and the pods of the whole cluster.",
    mustBe: "true or false, and true only with kubernetes.enabled",
    example: true,
    change: connectsOnce,
  }),
  publishNodeAddress: key(z.boolean().prefault(false), {
    description:
      "Whether the Node's InternalIP is this node's address in the tailnet, so that logs, exec and the like work across NAT; kubelet must run with --cloud-provider=external.",
    mustBe: "true or false, and true only with kubernetes.enabled",
    example: true,
    change: { restart: "the daemon decides when it starts what its Node says" },
  }),
} as const;
