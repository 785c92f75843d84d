import { nearestName } from "../../config/keys/nearest-name.ts";
import type { CallTrace } from "../../observe/trace/call-trace.ts";

/** A container id may be shortened, to no fewer letters than these. */
const shortestId = 4;

/** Whether a call is about what a person named: "namespace/name", a pod's name or uid, a container id, an address. */
export function isAbout(call: CallTrace, wanted: string): boolean {
  const { pod, containerId, addresses } = call;
  return (
    names(call).includes(wanted) ||
    pod.uid === wanted ||
    (wanted.length >= shortestId && containerId.startsWith(wanted)) ||
    addresses.some((address) => address === wanted || address.split("/")[0] === wanted)
  );
}

/** What was probably meant. */
export function nearestCall(calls: readonly CallTrace[], wanted: string): string | undefined {
  return nearestName(wanted, [...new Set(calls.flatMap(names))]);
}

function names({ pod, containerId }: CallTrace): readonly string[] {
  if (pod.name === "") return containerId === "" ? [] : [containerId];
  return [`${pod.namespace}/${pod.name}`, pod.name];
}
