import {
  readNetworkPolicy,
  readPolicyNamespace,
  readPolicyPod,
} from "../../../src/adapters/kubernetes/read-policy-objects.ts";
import { nameOf, type PolicyWorld } from "../../../src/domain/policy/network-policy.ts";
import type { Reading } from "../../../src/domain/policy/policy-book.ts";
import type { PolicyLedger } from "../../../src/domain/policy/policy-ledger.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import type { ApiCluster, Opener } from "./api-objects.ts";

/** The cluster as the daemon reads it. */
export function worldOf({ policies, namespaces, pods, nodes, attached }: ApiCluster): PolicyWorld {
  return {
    policies: policies.map((policy) => itemOf(readNetworkPolicy(policy))),
    namespaces: namespaces.map((namespace) => itemOf(readPolicyNamespace(namespace))),
    pods: pods.map((pod) => itemOf(readPolicyPod(pod))),
    ...{ nodes, attached },
  };
}

/** The same as a daemon's machine keeps it. */
export function ledgerOf(cluster: ApiCluster): PolicyLedger {
  const { policies, namespaces, pods, nodes, attached } = worldOf(cluster);
  return {
    policies: byName(policies.map((policy) => [nameOf(policy), { policy }])),
    namespaces: byName(namespaces.map((namespace) => [namespace.name, namespace])),
    pods: byName(pods.map((pod) => [nameOf(pod), pod])),
    attached: byName(attached.map((pod) => [pod.podUid, pod])),
    nodes,
  };
}

function byName<Item>(entries: readonly (readonly [string, Item])[]): Readonly<Record<string, Item>> {
  return Object.fromEntries(entries);
}

function itemOf<Item>({ item, problem }: Reading<Item>): Item {
  if (problem !== undefined) throw new Error(JSON.stringify(problem));
  return item;
}

/** The packet on its way through the node. */
export function packetOf({ source, destination, protocol, port }: Opener): FilterPacket {
  return {
    ...{ family: source.includes(":") ? 6 : 4, source, destination, protocol },
    ...(protocol === "icmp" ? {} : { destinationPort: port }),
    ...(protocol === "tcp" ? { flags: ["syn"] as const } : {}),
    input: { name: "in", group: 0 },
    output: { name: "out", group: 0 },
    ...{ toSelf: false, state: "new" },
  };
}
