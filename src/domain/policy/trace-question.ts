import { formatAddress, PrefixError, parseAddress } from "../addresses/prefix.ts";
import { nameOf, type PolicyPod, type Protocol } from "./network-policy.ts";

/** A port as a person names it. */
export type AskedPort =
  | { readonly protocol: Protocol; readonly number: number }
  /** A name that the receiving pod gives it; its protocol, where it was said. */
  | { readonly protocol: Protocol | null; readonly name: string };

/** What `policy-trace` asks. Ends are "namespace/name" or addresses. */
export interface AskedFlow {
  readonly from: string;
  readonly to: string;
  readonly port: AskedPort;
}

export type ReadFlow =
  | { readonly flow: AskedFlow; readonly problem?: undefined }
  /** What is wrong and what would be right, in a sentence. */
  | { readonly flow?: undefined; readonly problem: string };

/** Reads the words of a command line. `port`: "80", "53/udp", "web", "web/tcp". */
export function readFlow(from: string, to: string, port: string): ReadFlow {
  const [source, destination] = [readEnd(from), readEnd(to)];
  if (source === undefined) return { problem: problemOfEnd(from) };
  if (destination === undefined) return { problem: problemOfEnd(to) };
  const asked = readPort(port);
  if (asked !== undefined) return { flow: { from: source, to: destination, port: asked } };
  const right = "write a number from 1 to 65535, or a container port's name, as 80, 53/udp or web";
  return { problem: `"${port}" is no port: ${right}` };
}

/** The numbers of a port for this receiver, in the order of its containers. */
export function numbersOf(
  port: AskedPort,
  receiver: PolicyPod | undefined,
): readonly { readonly protocol: Protocol; readonly port: number }[] {
  if ("number" in port) return [{ protocol: port.protocol, port: port.number }];
  const named = (receiver?.ports ?? []).filter(
    ({ name, protocol }) => name === port.name && (port.protocol ?? protocol) === protocol,
  );
  const distinct = new Map(named.map((one) => [`${one.protocol} ${one.port}`, one]));
  return [...distinct.values()].map(({ protocol, port: number }) => ({ protocol, port: number }));
}

/** The pod that was probably meant: of this name elsewhere, else the one whose name begins alike; undefined without one. */
export function nearestPod(end: string, pods: readonly PolicyPod[]): string | undefined {
  const [namespace = "", name = ""] = end.split("/");
  const same = pods.find((pod) => pod.name === name);
  if (same !== undefined) return nameOf(same);
  const alike = pods
    .filter((pod) => pod.namespace === namespace)
    .map((pod) => ({ pod, length: commonStart(pod.name, name) }))
    .filter(({ length }) => length >= 3)
    .toSorted((a, b) => b.length - a.length);
  return alike[0] && nameOf(alike[0].pod);
}

function commonStart(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** A label of DNS and a name of DNS, as the API server has them. */
const podName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

function readEnd(text: string): string | undefined {
  return addressIn(text) ?? (podName.test(text) ? text : undefined);
}

function problemOfEnd(end: string): string {
  const example = podName.test(`default/${end}`) ? `default/${end}` : "default/web";
  return `"${end}" is neither a pod nor an address: write namespace/pod, as ${example}, or an IP address`;
}

function readPort(text: string): AskedPort | undefined {
  const [what = "", said, ...more] = text.split("/");
  const protocol = said === undefined ? null : protocols.find((one) => one === said.toUpperCase());
  if (protocol === undefined || more.length > 0) return undefined;
  if (/^\d+$/.test(what)) {
    const number = Number(what);
    return number >= 1 && number <= 65_535 ? { protocol: protocol ?? "TCP", number } : undefined;
  }
  // As the API server has it (IANA_SVC_NAME, RFC 6335).
  return what.length <= 15 && /^[a-z0-9-]*[a-z][a-z0-9-]*$/.test(what) ? { protocol, name: what } : undefined;
}

const protocols: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

/** Canonical; undefined for what is no address. */
function addressIn(text: string): string | undefined {
  try {
    const { family, value } = parseAddress(text);
    return formatAddress(family, value);
  } catch (error) {
    if (error instanceof PrefixError) return undefined;
    throw error;
  }
}
