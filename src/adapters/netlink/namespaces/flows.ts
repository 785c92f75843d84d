import { containsAddress, parsePrefix } from "../../../domain/addresses/prefix.ts";
import type { KernelFlow } from "../../../domain/kernel/kernel-flow.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { decodeAddress, dumpAddresses } from "../wire-format/address-messages.ts";
import { readAddress } from "../wire-format/attribute-values.ts";
import { IPPROTO } from "../wire-format/include/linux/in.ts";
import { NFNL_SUBSYS, nfgenmsg } from "../wire-format/include/linux/netfilter/nfnetlink.ts";
import {
  CTA,
  CTA_IP,
  CTA_PROTO,
  CTA_TUPLE,
  IPCTNL_MSG_CT,
} from "../wire-format/include/linux/netfilter/nfnetlink_conntrack.ts";
import { NLA } from "../wire-format/include/linux/netlink.ts";
import {
  type Attributes,
  decodeAttributes,
  dumpOf,
  type NetlinkMessage,
} from "../wire-format/netlink-message.ts";
import { decodeStruct, encodeStruct } from "../wire-format/struct.ts";

const protocols: Readonly<Record<number, KernelFlow["protocol"]>> = {
  [IPPROTO.TCP]: "TCP",
  [IPPROTO.UDP]: "UDP",
  [IPPROTO.SCTP]: "SCTP",
};
const flowsPerBatch = 256;

/** Forwarded flows of the sockets' namespace, of both families, that one of the addresses, or one inside a prefix, opened or answers. */
export function listFlows(
  { requests, nftables }: { readonly [Socket in "requests" | "nftables"]: Pick<NetlinkSocket, "query"> },
  addresses: readonly string[],
  prefixes: readonly string[] = [],
): readonly KernelFlow[] {
  if (addresses.length + prefixes.length === 0) return [];
  const named = new Set(addresses);
  const ranges = prefixes.map(parsePrefix);
  const wanted = (address: string) =>
    named.has(address) || ranges.some((range) => containsAddress(range, address));
  const known = requests.query(dumpAddresses()).flatMap((payload) => decodeAddress(payload) ?? []);
  const own = new Set(known.map(({ address }) => address));
  return nftables
    .query(dumpOf(typeOf(IPCTNL_MSG_CT.GET), encodeStruct(nfgenmsg, {})))
    .flatMap((payload) => readFlow(payload, wanted) ?? [])
    .filter(({ source, destination }) => !own.has(source) && !own.has(destination));
}

/** Has conntrack forget flows. One that is gone, or whose place another has by now, is left alone. */
export function endFlows(socket: Pick<NetlinkSocket, "transact">, flows: readonly KernelFlow[]): void {
  for (let at = 0; at < flows.length; at += flowsPerBatch) {
    const refusals = socket.transact(flows.slice(at, at + flowsPerBatch).map(deleteFlow));
    const refusal = refusals.find(({ errno }) => errno !== "ENOENT");
    if (refusal !== undefined) throw kernelRefused("flow.remove", refusal);
  }
}

function typeOf(kind: number): number {
  return (NFNL_SUBSYS.CTNETLINK << 8) | kind;
}

function deleteFlow({ family, original, id }: KernelFlow): NetlinkMessage {
  return {
    type: typeOf(IPCTNL_MSG_CT.DELETE),
    flags: 0,
    header: encodeStruct(nfgenmsg, { nfgen_family: family }),
    attributes: [
      { type: CTA.TUPLE_ORIG | NLA.F_NESTED, value: original },
      { type: CTA.ID, value: id },
    ],
  };
}

/** Undefined for what is between others. Throws NetlinkDecodeError. */
function readFlow(payload: Buffer, wanted: (address: string) => boolean): KernelFlow | undefined {
  const family = decodeStruct(nfgenmsg, payload).nfgen_family;
  const attributes = decodeAttributes(payload, nfgenmsg.size);
  const [original, reply, id] = [CTA.TUPLE_ORIG, CTA.TUPLE_REPLY, CTA.ID].map((type) => attributes.get(type));
  if (original === undefined || reply === undefined || id === undefined) return undefined;
  const answering = decodeAttributes(reply);
  // Who answers is the destination behind every translation, and how policies see the flow: they judge between the two.
  const [source, destination] = [decodeAttributes(original), answering].map(sourceOf);
  if (source === undefined || destination === undefined) return undefined;
  if (!wanted(source) && !wanted(destination)) return undefined;
  const transport = decodeAttributes(answering.get(CTA_TUPLE.PROTO) ?? Buffer.alloc(0));
  return {
    family,
    source,
    destination,
    protocol: protocols[transport.get(CTA_PROTO.NUM)?.[0] ?? 0] ?? "other",
    port: readPort(transport.get(CTA_PROTO.SRC_PORT)),
    original: Uint8Array.from(original),
    id: Uint8Array.from(id),
  };
}

function sourceOf(tuple: Attributes): string | undefined {
  const addresses = decodeAttributes(tuple.get(CTA_TUPLE.IP) ?? Buffer.alloc(0));
  return readAddress(addresses.get(CTA_IP.V4_SRC) ?? addresses.get(CTA_IP.V6_SRC));
}

/** In network order; 0 where the protocol has none. */
function readPort(value: Buffer | undefined): number {
  return value === undefined || value.length < 2 ? 0 : value.readUInt16BE(0);
}
