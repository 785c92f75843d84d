import type { NftElement } from "../../../domain/nftables/nft-statements.ts";
import type { NftJump, NftType } from "../../../domain/nftables/nft-table.ts";
import type { ElementChange } from "../../../domain/policy/table-change.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { addressBytes, cString } from "../wire-format/attribute-values.ts";
import { messageFlags, type NetlinkAttribute, type NetlinkMessage } from "../wire-format/netlink-message.ts";
import { nftablesSubsystem } from "./nftables-changes.ts";

/** NFT_MSG_* of linux/netfilter/nf_tables.h. */
const elementMessage = { new: 12, delete: 14 } as const;
/** NFPROTO_INET of linux/netfilter.h: the family of all our tables. */
const inet = 1;
/** NFTA_SET_ELEM_LIST_*. */
const listAttribute = { table: 1, set: 2, elements: 3 } as const;
/** NFTA_LIST_ELEM. */
const listElement = 1;
/** NFTA_SET_ELEM_*. */
const elementAttribute = { key: 1, data: 2 } as const;
/** NFTA_DATA_*. */
const dataAttribute = { value: 1, verdict: 2 } as const;
/** NFTA_VERDICT_*. */
const verdictAttribute = { code: 1, chain: 2 } as const;
/** NFT_JUMP, as an unsigned number. */
const jumpCode = 0xfffffffd;
/** IPPROTO_* by nft's names. */
const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;
/** Each type of a concatenation fills registers of this (NFT_REG32_SIZE). */
const registerBytes = 4;
/** Their attribute's length has 16 bits; an element takes up to some 340 bytes, with the longest name of a chain. */
const elementsPerMessage = 128;

/**
 * Changes elements of sets and maps of a table of ours in the socket's namespace: all of them in one transaction, or none. Throws
 * KernelRefusal; ENOENT for what is not there, so that whoever believed otherwise learns of it.
 */
export function changeElements(
  socket: Pick<NetlinkSocket, "batch">,
  table: string,
  changes: readonly ElementChange[],
): void {
  const messages = changes.flatMap((change) => [
    ...elementMessages("delete", table, change),
    ...elementMessages("new", table, change),
  ]);
  if (messages.length === 0) return;
  const [refusal] = socket.batch(nftablesSubsystem, messages);
  if (refusal === undefined) return;
  const message = messages[refusal.index];
  throw kernelRefused(message?.type === typeOf("delete") ? "element.remove" : "element.add", refusal);
}

function typeOf(kind: keyof typeof elementMessage): number {
  return (nftablesSubsystem << 8) | elementMessage[kind];
}

function elementMessages(
  kind: keyof typeof elementMessage,
  table: string,
  change: ElementChange,
): readonly NetlinkMessage[] {
  const which = kind === "delete" ? "remove" : "add";
  const elements =
    change.kind === "set"
      ? change[which].map((element) => [keyOf(change.type, element)])
      : change[which].map((entry) => mapElement(change.type, entry));
  const chunks = Array.from({ length: Math.ceil(elements.length / elementsPerMessage) }, (_, at) =>
    elements.slice(at * elementsPerMessage, (at + 1) * elementsPerMessage),
  );
  return chunks.map((chunk) => ({
    type: typeOf(kind),
    flags: kind === "new" ? messageFlags.create : 0,
    // struct nfgenmsg: the family, the version 0, no resource.
    header: Uint8Array.of(inet, 0, 0, 0),
    attributes: [
      { type: listAttribute.table, value: cString(table) },
      { type: listAttribute.set, value: cString(change.name) },
      {
        type: listAttribute.elements,
        value: chunk.map((value) => ({ type: listElement, value })),
      },
    ],
  }));
}

function mapElement(types: readonly NftType[], [address, target]: NftJump): readonly NetlinkAttribute[] {
  const verdict = [
    { type: verdictAttribute.code, value: bigEndian(jumpCode, 4) },
    { type: verdictAttribute.chain, value: cString(target) },
  ];
  return [
    keyOf(types, address),
    { type: elementAttribute.data, value: [{ type: dataAttribute.verdict, value: verdict }] },
  ];
}

function keyOf(types: readonly NftType[], element: NftElement): NetlinkAttribute {
  const parts = partsOf(element);
  const values = types.map((type, at) => registers(valueBytes(type, parts[at] ?? "")));
  const value = Buffer.concat(
    types.length === 1 ? [valueBytes(types[0] ?? "ipv4_addr", parts[0] ?? "")] : values,
  );
  return { type: elementAttribute.key, value: [{ type: dataAttribute.value, value }] };
}

/** Of sets of single values. */
function partsOf(element: NftElement): readonly (string | number)[] {
  if (typeof element === "string") return [element];
  if ("concat" in element) return element.concat;
  throw new TypeError(`${JSON.stringify(element)} is an interval, which no set of single values has`);
}

function valueBytes(type: NftType, value: string | number): Uint8Array {
  switch (type) {
    case "ipv4_addr":
    case "ipv6_addr":
      return addressBytes(String(value));
    case "inet_proto":
      return Uint8Array.of(protocolNumbers[value as keyof typeof protocolNumbers]);
    case "inet_service":
      return bigEndian(Number(value), 2);
    default: {
      const unhandled: never = type;
      return unhandled;
    }
  }
}

/** Filled up to whole registers. */
function registers(value: Uint8Array): Uint8Array {
  const filled = Buffer.alloc(Math.ceil(value.length / registerBytes) * registerBytes);
  filled.set(value);
  return filled;
}

function bigEndian(value: number, bytes: number): Uint8Array {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
