import { z } from "zod";
import { formatPrefix, readPrefix } from "../../domain/addresses/prefix.ts";
import {
  type ClusterNode,
  metricsAnnotation,
  mirrorOf,
  type NetworkCondition,
  type NodePod,
  type OwnNode,
  type ServiceCidr,
  tailnetNodeAnnotation,
} from "../../domain/kubernetes/kubernetes-objects.ts";
import type { Watched, WatchSource } from "../../domain/kubernetes/kubernetes-watch.ts";
import { replacedAddressesAnnotation, uninitializedTaint } from "../../domain/kubernetes/node-address.ts";
import type { Reading } from "../../domain/policy/policy-book.ts";
import { goList } from "../json/go-list.ts";
import { readNetworkPolicy, readPolicyNamespace, readPolicyPod } from "./read-policy-objects.ts";

const metadata = z.object({
  name: z.string().min(1),
  uid: z.string().min(1),
  annotations: z.record(z.string(), z.string()).nullish(),
});

const nodeSchema = z.object({
  metadata: metadata.extend({ creationTimestamp: z.string().default("") }),
  spec: z.object({
    podCIDRs: goList(z.string()),
    podCIDR: z.string().optional(),
    taints: goList(z.object({ key: z.string() })),
  }),
  status: z
    .object({
      addresses: goList(z.object({ type: z.string(), address: z.string() })),
      conditions: goList(
        z.object({
          type: z.string(),
          status: z.enum(["True", "False", "Unknown"]),
          reason: z.string().default(""),
          message: z.string().default(""),
        }),
      ),
    })
    .prefault({}),
});

const podSchema = z.object({
  metadata: metadata.extend({ namespace: z.string().min(1) }),
});

const serviceCidrSchema = z.object({ metadata, spec: z.object({ cidrs: goList(z.string()) }) });

/** Cuts an object down to what is kept; undefined when it is not what the API promises. */
export const trim: { readonly [Source in WatchSource]: (value: unknown) => Watched[Source] | undefined } = {
  nodes: trimNode,
  ownNode: trimOwnNode,
  pods: trimPod,
  serviceCidrs: trimServiceCidr,
  networkPolicies: (value) => named(readNetworkPolicy(value)),
  namespaces: (value) => named(readPolicyNamespace(value)),
  clusterPods: (value) => named(readPolicyPod(value)),
};

function trimNode(value: unknown): ClusterNode | undefined {
  const parsed = nodeSchema.safeParse(value).data;
  return parsed === undefined ? undefined : clusterNode(parsed);
}

function trimOwnNode(value: unknown): OwnNode | undefined {
  const parsed = nodeSchema.safeParse(value).data;
  if (parsed === undefined) return undefined;
  const condition = parsed.status.conditions.find(({ type }) => type === "NetworkUnavailable");
  const network: NetworkCondition | null =
    condition === undefined
      ? null
      : { status: condition.status, reason: condition.reason, message: condition.message };
  const { annotations } = parsed.metadata;
  return {
    ...clusterNode(parsed),
    metricsAt: annotations?.[metricsAnnotation] ?? "",
    network,
    addressing: {
      addresses: parsed.status.addresses,
      replaced: annotations?.[replacedAddressesAnnotation] ?? null,
      annotated: Object.keys(annotations ?? {}).length > 0,
      uninitializedAt: parsed.spec.taints.findIndex(({ key }) => key === uninitializedTaint),
    },
  };
}

function clusterNode({ metadata: of, spec, status }: z.output<typeof nodeSchema>): ClusterNode {
  const podCidrs = spec.podCIDRs.length > 0 ? spec.podCIDRs : [spec.podCIDR ?? ""];
  const addresses = status.addresses.filter(({ type }) => type === "InternalIP");
  return {
    name: of.name,
    uid: of.uid,
    createdAt: of.creationTimestamp,
    tailnetNodeId: of.annotations?.[tailnetNodeAnnotation] ?? "",
    podCidrs: canonical(podCidrs),
    addresses: addresses.map(({ address }) => address),
  };
}

/** The API server checks that these are prefixes, but not that they are canonical. */
function canonical(texts: readonly string[]): readonly string[] {
  return texts
    .map(readPrefix)
    .filter((prefix) => prefix !== undefined)
    .map(formatPrefix);
}

/** One that is being deleted is as good as any: Services may have addresses of it until it is gone. */
function trimServiceCidr(value: unknown): ServiceCidr | undefined {
  const parsed = serviceCidrSchema.safeParse(value).data;
  if (parsed === undefined) return undefined;
  return { name: parsed.metadata.name, prefixes: canonical(parsed.spec.cidrs) };
}

/** What cannot be read is told by its name; without one there is nothing to tell. */
function named<Item>(reading: Reading<Item>): Reading<Item> | undefined {
  return reading.problem?.name === "" ? undefined : reading;
}

function trimPod(value: unknown): NodePod | undefined {
  const parsed = podSchema.safeParse(value).data;
  if (parsed === undefined) return undefined;
  const { uid, namespace, name, annotations } = parsed.metadata;
  return { uid, runtimeUid: annotations?.[mirrorOf] ?? uid, namespace, name };
}
