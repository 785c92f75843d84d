import {
  readNetworkPolicy,
  readPolicyNamespace,
  readPolicyPod,
} from "../../../src/adapters/kubernetes/read-policy-objects.ts";
import type { PolicyWorld } from "../../../src/domain/policy/network-policy.ts";
import type { Reading } from "../../../src/domain/policy/policy-book.ts";
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
