import type { NftElement } from "../../../domain/nftables/nft-statements.ts";
import type { NftJump, NftType } from "../../../domain/nftables/nft-table.ts";
import type { ElementChange } from "../../../domain/policy/table-change.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { addressBytes, cString } from "../wire-format/attribute-values.ts";
import { IPPROTO } from "../wire-format/include/linux/in.ts";
import {
  NFT,
  NFT_MSG,
  NFT_REG32,
  NFTA_DATA,
  NFTA_LIST,
  NFTA_SET_ELEM,
  NFTA_SET_ELEM_LIST,
  NFTA_VERDICT,
} from "../wire-format/include/linux/netfilter/nf_tables.ts";
import { NFNL_SUBSYS, nfgenmsg } from "../wire-format/include/linux/netfilter/nfnetlink.ts";
import { NFPROTO } from "../wire-format/include/linux/netfilter.ts";
import { NLM_F } from "../wire-format/include/linux/netlink.ts";
import type { NetlinkAttribute, NetlinkMessage } from "../wire-format/netlink-message.ts";
import { encodeStruct } from "../wire-format/struct.ts";

const messageOf = { new: NFT_MSG.NEWSETELEM, delete: NFT_MSG.DELSETELEM } as const;
/** By nft's names. */
const protocolNumbers = { tcp: IPPROTO.TCP, udp: IPPROTO.UDP, sctp: IPPROTO.SCTP } as const;
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
  const [refusal] = socket.batch(NFNL_SUBSYS.NFTABLES, messages);
  if (refusal === undefined) return;
  const message = messages[refusal.index];
  throw kernelRefused(message?.type === typeOf("delete") ? "element.remove" : "element.add", refusal);
}

function typeOf(kind: keyof typeof messageOf): number {
  return (NFNL_SUBSYS.NFTABLES << 8) | messageOf[kind];
}

function elementMessages(
  kind: keyof typeof messageOf,
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
    flags: kind === "new" ? NLM_F.CREATE : 0,
    header: encodeStruct(nfgenmsg, { nfgen_family: NFPROTO.INET }),
    attributes: [
      { type: NFTA_SET_ELEM_LIST.TABLE, value: cString(table) },
      { type: NFTA_SET_ELEM_LIST.SET, value: cString(change.name) },
      {
        type: NFTA_SET_ELEM_LIST.ELEMENTS,
        value: chunk.map((value) => ({ type: NFTA_LIST.ELEM, value })),
      },
    ],
  }));
}

function mapElement(types: readonly NftType[], [address, target]: NftJump): readonly NetlinkAttribute[] {
  const verdict = [
    { type: NFTA_VERDICT.CODE, value: bigEndian(NFT.JUMP >>> 0, 4) },
    { type: NFTA_VERDICT.CHAIN, value: cString(target) },
  ];
  return [
    keyOf(types, address),
    { type: NFTA_SET_ELEM.DATA, value: [{ type: NFTA_DATA.VERDICT, value: verdict }] },
  ];
}

function keyOf(types: readonly NftType[], element: NftElement): NetlinkAttribute {
  const parts = partsOf(element);
  const values = types.map((type, at) => registers(valueBytes(type, parts[at] ?? "")));
  const value = Buffer.concat(
    types.length === 1 ? [valueBytes(types[0] ?? "ipv4_addr", parts[0] ?? "")] : values,
  );
  return { type: NFTA_SET_ELEM.KEY, value: [{ type: NFTA_DATA.VALUE, value }] };
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
  const filled = Buffer.alloc(Math.ceil(value.length / NFT_REG32.SIZE) * NFT_REG32.SIZE);
  filled.set(value);
  return filled;
}

function bigEndian(value: number, bytes: number): Uint8Array {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
