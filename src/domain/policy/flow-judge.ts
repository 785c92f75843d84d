import type { KernelFlow } from "../kernel/kernel-flow.ts";
import { type AddressOwners, addressOwners } from "./address-owners.ts";
import type { PolicyWorld } from "./network-policy.ts";
import { namespaceLabels } from "./pod-term.ts";
import { judgesHere } from "./trace.ts";

/** Tells of a flow whether this node's table would refuse what opens it: the flows that end when policies change. */
export function flowJudge(
  world: PolicyWorld,
  owners: AddressOwners = addressOwners(world),
): (flow: Pick<KernelFlow, "source" | "destination" | "protocol" | "port">) => boolean {
  const judge = judgesHere({ world, owners, namespaces: namespaceLabels(world.namespaces) });
  const known = new Map<string, boolean>();
  return ({ source, destination, protocol, port }) => {
    const key = `${source} ${destination} ${protocol} ${port}`;
    const refused = known.get(key) ?? !judge({ from: source, to: destination, protocol, port });
    known.set(key, refused);
    return refused;
  };
}
