import { fromPromise } from "xstate";
import type { NetworkCondition, NodeIdentity } from "../../domain/kubernetes/kubernetes-objects.ts";
import type { NodeAddressing, WrittenAddresses } from "../../domain/kubernetes/node-address.ts";
import type { Kubernetes } from "../../ports/kubernetes.ts";
import type { PrefixMemory } from "../../ports/prefix-memory.ts";

/** Effects of the machine of the own Node, and under `condition`, `identity` and `address` those of its children. */
export function ownNodeActors(
  kubernetes: Pick<
    Kubernetes,
    "setNetworkCondition" | "publishIdentity" | "writeAddresses" | "removeUninitialized"
  >,
  memory: PrefixMemory,
) {
  return {
    ownNode: {
      recall: fromPromise<readonly string[], void>(() => memory.recall()),
      remember: fromPromise<void, { readonly podCidrs: readonly string[] }>(({ input, signal }) =>
        memory.remember(input.podCidrs, signal),
      ),
    },
    condition: {
      setCondition: fromPromise<NetworkCondition, { readonly condition: NetworkCondition }>(
        async ({ input: { condition }, signal }) => {
          await kubernetes.setNetworkCondition(condition, signal);
          return condition;
        },
      ),
    },
    identity: {
      publish: fromPromise<NodeIdentity, NodeIdentity>(async ({ input, signal }) => {
        await kubernetes.publishIdentity(input, signal);
        return input;
      }),
    },
    address: {
      write: fromPromise<void, { readonly seen: NodeAddressing; readonly wanted: WrittenAddresses }>(
        ({ input: { seen, wanted }, signal }) => kubernetes.writeAddresses(seen, wanted, signal),
      ),
      initialize: fromPromise<void, { readonly place: number }>(({ input: { place }, signal }) =>
        kubernetes.removeUninitialized(place, signal),
      ),
    },
  };
}
