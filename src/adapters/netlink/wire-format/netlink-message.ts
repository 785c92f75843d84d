import { readString } from "./attribute-values.ts";
import { NLA, NLM_F, NLMSGERR_ATTR, nlattr, nlmsgerr, nlmsghdr } from "./include/linux/netlink.ts";
import { badLength, truncated } from "./netlink-decode-error.ts";
import { decodeStruct, writeStruct } from "./struct.ts";

/** One attribute to send; nested when its value is a list. */
export interface NetlinkAttribute {
  readonly type: number;
  readonly value: Uint8Array | readonly NetlinkAttribute[];
}

/** One message to send: `header` is the fixed struct of its type (ifinfomsg, rtmsg, …). */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly header: Uint8Array;
  readonly attributes: readonly NetlinkAttribute[];
}

/**
 * Asks for all objects of a kind: `type` is its RTM_GET*, `header` the kind's struct, empty but for what narrows the answer. One
 * message for each object follows, then NLMSG_DONE. Where one of them has NLM_F_DUMP_INTR the table changed meanwhile: ask again.
 */
export function dumpOf(type: number, header: Uint8Array): NetlinkMessage {
  return { type, flags: NLM_F.DUMP, header, attributes: [] };
}

/** A message as received: `payload` is what follows nlmsghdr, a view of the bytes that were decoded. */
export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Buffer;
}

/**
 * Lays the messages one after the other for one `send`, numbered from `firstSequence` (modulo 2^32). Each gets NLM_F_REQUEST and
 * the last NLM_F_ACK: the kernel answers with an NLMSG_ERROR for each message that it refuses, and for the last. Throws RangeError
 * for an attribute of more than 65,535 bytes.
 */
export function encodeMessages(messages: readonly NetlinkMessage[], firstSequence: number): Buffer {
  const lengths = messages.map(messageLength);
  const buffer = Buffer.alloc(lengths.reduce((sum, length) => sum + align(length), 0));
  let offset = 0;
  messages.forEach((message, index) => {
    const length = lengths[index] ?? 0;
    const ack = index === messages.length - 1 ? NLM_F.ACK : 0;
    writeStruct(buffer, offset, nlmsghdr, {
      nlmsg_len: length,
      nlmsg_type: message.type,
      nlmsg_flags: message.flags | NLM_F.REQUEST | ack,
      nlmsg_seq: (firstSequence + index) >>> 0,
    });
    buffer.set(message.header, offset + nlmsghdr.size);
    writeAttributes(buffer, offset + nlmsghdr.size + align(message.header.length), message.attributes);
    offset += align(length);
  });
  return buffer;
}

/** Splits what one `recv` gave. Throws NetlinkDecodeError. */
export function decodeMessages(data: Buffer): ReceivedMessage[] {
  const messages: ReceivedMessage[] = [];
  let offset = 0;
  while (offset < data.length) {
    const header = decodeStruct(nlmsghdr, data, offset);
    const length = header.nlmsg_len;
    if (length < nlmsghdr.size) throw badLength(offset);
    if (offset + length > data.length) throw truncated(offset);
    messages.push({
      type: header.nlmsg_type,
      flags: header.nlmsg_flags,
      sequence: header.nlmsg_seq,
      portId: header.nlmsg_pid,
      payload: data.subarray(offset + nlmsghdr.size, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/**
 * What an NLMSG_ERROR says: `errno` is 0 for an acknowledgement, and a positive number for a refusal. `text` is the kernel's own
 * words, which it gives to sockets with NETLINK_EXT_ACK (netlink(7)); empty when there are none. Throws NetlinkDecodeError.
 */
export function decodeError({ flags, payload }: ReceivedMessage): {
  readonly errno: number;
  readonly text: string;
} {
  const errno = Math.abs(decodeStruct(nlmsgerr, payload).error | 0);
  if ((flags & NLM_F.ACK_TLVS) === 0) return { errno, text: "" };
  const capped = (flags & NLM_F.CAPPED) !== 0;
  const request = decodeStruct(nlmsghdr, payload, nlmsgerr.size - nlmsghdr.size);
  const attributes = nlmsgerr.size + (capped ? 0 : request.nlmsg_len - nlmsghdr.size);
  return { errno, text: readString(decodeAttributes(payload, attributes).get(NLMSGERR_ATTR.MSG)) };
}

const [lengthOffset] = nlattr.fields.nla_len;
const [typeOffset] = nlattr.fields.nla_type;

/** The attributes of a payload from `offset` on, found when asked for: of a link's fifty few are ever wanted. */
export interface Attributes {
  /** The value of the first attribute of that type. */
  get(type: number): Buffer | undefined;
}

/**
 * The attributes of a payload, or of a nested attribute's value; `offset` is the size of the struct before them. Throws
 * NetlinkDecodeError when the attributes do not fill the payload as they say.
 */
export function decodeAttributes(payload: Buffer, offset = 0): Attributes {
  // Before it is aligned: that makes a negative number of one that needs 32 bits.
  if (offset > payload.length) throw truncated(offset);
  const start = align(offset);
  if (start > payload.length) throw truncated(start);
  for (let position = start; payload.length - position >= nlattr.size; ) {
    const length = readU16(payload, position + lengthOffset);
    if (length < nlattr.size) throw badLength(position);
    if (position + length > payload.length) throw truncated(position);
    position += align(length);
  }
  return { get: (type) => findAttribute(payload, start, type) };
}

function findAttribute(payload: Buffer, start: number, type: number): Buffer | undefined {
  for (let position = start; payload.length - position >= nlattr.size; ) {
    const length = readU16(payload, position + lengthOffset);
    if ((readU16(payload, position + typeOffset) & NLA.TYPE_MASK) === type)
      return payload.subarray(position + nlattr.size, position + length);
    position += align(length);
  }
  return undefined;
}

/** Several times faster than Buffer's own, and this runs for each attribute of each notification. */
function readU16(data: Uint8Array, position: number): number {
  return (data[position] ?? 0) | ((data[position + 1] ?? 0) << 8);
}

/** Attributes for inside a value that has more than attributes. */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Buffer {
  const buffer = Buffer.alloc(attributesLength(attributes));
  writeAttributes(buffer, 0, attributes);
  return buffer;
}

function writeAttributes(buffer: Buffer, start: number, attributes: readonly NetlinkAttribute[]): void {
  let offset = start;
  for (const { type, value } of attributes) {
    const length = attributeLength(value);
    const nested = !(value instanceof Uint8Array);
    writeStruct(buffer, offset, nlattr, { nla_len: length, nla_type: nested ? type | NLA.F_NESTED : type });
    if (nested) writeAttributes(buffer, offset + nlattr.size, value);
    else buffer.set(value, offset + nlattr.size);
    offset += align(length);
  }
}

function messageLength(message: NetlinkMessage): number {
  return nlmsghdr.size + align(message.header.length) + attributesLength(message.attributes);
}

function attributesLength(attributes: readonly NetlinkAttribute[]): number {
  return attributes.reduce((sum, { value }) => sum + align(attributeLength(value)), 0);
}

function attributeLength(value: NetlinkAttribute["value"]): number {
  return nlattr.size + (value instanceof Uint8Array ? value.length : attributesLength(value));
}

function align(length: number): number {
  return (length + NLA.ALIGNTO - 1) & -NLA.ALIGNTO;
}
