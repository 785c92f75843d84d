import type { KernelFlow } from "../../../domain/kernel/kernel-flow.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { decodeAddress, dumpAddresses } from "../wire-format/address-messages.ts";
import { readAddress } from "../wire-format/attribute-values.ts";
import {
  type Attributes,
  decodeAttributes,
  dumpOf,
  fixedHeader,
  type NetlinkMessage,
} from "../wire-format/netlink-message.ts";

/** NFNL_SUBSYS_CTNETLINK of linux/netfilter/nfnetlink.h. */
const conntrackSubsystem = 1;
/** IPCTNL_MSG_CT_* of linux/netfilter/nfnetlink_conntrack.h. */
const conntrackMessage = { get: 1, delete: 2 } as const;
/** CTA_*. */
const flowAttribute = { original: 1, reply: 2, id: 12 } as const;
/** CTA_TUPLE_*. */
const tupleAttribute = { addresses: 1, protocol: 2 } as const;
/** CTA_IP_*. */
const addressAttribute = { source4: 1, source6: 3 } as const;
/** CTA_PROTO_*. */
const protocolAttribute = { number: 1, sourcePort: 2 } as const;
/** NLA_F_NESTED of linux/netlink.h. */
const nested = 0x8000;
/** struct nfgenmsg. */
const headerLength = 4;
const protocols: Readonly<Record<number, KernelFlow["protocol"]>> = { 6: "TCP", 17: "UDP", 132: "SCTP" };
const flowsPerBatch = 256;

/** Forwarded flows of the sockets' namespace, of both families, that one of the addresses opened or answers. */
export function listFlows(
  { requests, nftables }: { readonly [Socket in "requests" | "nftables"]: Pick<NetlinkSocket, "query"> },
  addresses: readonly string[],
): readonly KernelFlow[] {
  const wanted = new Set(addresses);
  if (wanted.size === 0) return [];
  const known = requests.query(dumpAddresses()).flatMap((payload) => decodeAddress(payload) ?? []);
  const own = new Set(known.map(({ address }) => address));
  return nftables
    .query(dumpOf(typeOf("get"), new Uint8Array(headerLength)))
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

function typeOf(kind: keyof typeof conntrackMessage): number {
  return (conntrackSubsystem << 8) | conntrackMessage[kind];
}

function deleteFlow({ family, original, id }: KernelFlow): NetlinkMessage {
  return {
    type: typeOf("delete"),
    flags: 0,
    header: Uint8Array.of(family, 0, 0, 0),
    attributes: [
      { type: flowAttribute.original | nested, value: original },
      { type: flowAttribute.id, value: id },
    ],
  };
}

/** Undefined for what is none of the addresses'. Throws NetlinkDecodeError. */
function readFlow(payload: Buffer, wanted: ReadonlySet<string>): KernelFlow | undefined {
  const family = fixedHeader(payload, headerLength).readUInt8(0);
  const attributes = decodeAttributes(payload, headerLength);
  const [original, reply, id] = [flowAttribute.original, flowAttribute.reply, flowAttribute.id].map((type) =>
    attributes.get(type),
  );
  if (original === undefined || reply === undefined || id === undefined) return undefined;
  const answering = decodeAttributes(reply);
  // Who answers is the destination behind every translation, and how policies see the flow: they judge between the two.
  const [source, destination] = [decodeAttributes(original), answering].map(sourceOf);
  if (source === undefined || destination === undefined) return undefined;
  if (!wanted.has(source) && !wanted.has(destination)) return undefined;
  const transport = decodeAttributes(answering.get(tupleAttribute.protocol) ?? Buffer.alloc(0));
  return {
    family,
    source,
    destination,
    protocol: protocols[transport.get(protocolAttribute.number)?.[0] ?? 0] ?? "other",
    port: readPort(transport.get(protocolAttribute.sourcePort)),
    original: Uint8Array.from(original),
    id: Uint8Array.from(id),
  };
}

function sourceOf(tuple: Attributes): string | undefined {
  const addresses = decodeAttributes(tuple.get(tupleAttribute.addresses) ?? Buffer.alloc(0));
  return readAddress(addresses.get(addressAttribute.source4) ?? addresses.get(addressAttribute.source6));
}

/** In network order; 0 where the protocol has none. */
function readPort(value: Buffer | undefined): number {
  return value === undefined || value.length < 2 ? 0 : value.readUInt16BE(0);
}
