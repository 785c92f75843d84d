import { NetlinkDecodeError } from "./netlink-decode-error.ts";

/** One attribute to send; nested when its value is a list. */
export interface NetlinkAttribute {
  readonly type: number;
  readonly value: Uint8Array | readonly NetlinkAttribute[];
}

/** One message to send: `header` is the family's fixed struct (ifinfomsg, rtmsg, …). */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly header: Uint8Array;
  readonly attributes: readonly NetlinkAttribute[];
}

/** Asks for all objects of a kind: `type` is its RTM_GET*, `header` the family's struct, empty but for what narrows the answer. */
export function dumpOf(type: number, header: Uint8Array): NetlinkMessage {
  return { type, flags: messageFlags.dump, header, attributes: [] };
}

/** A message as received: `payload` is what follows nlmsghdr. */
export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Buffer;
}

/** NLM_F_* of linux/netlink.h. */
export const messageFlags = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  dump: 0x300,
  replace: 0x100,
  excl: 0x200,
  create: 0x400,
  ackTlvs: 0x200,
  capped: 0x100,
} as const;

/** Control message types of linux/netlink.h. */
export const controlType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

const headerLength = 16;
const attributeHeaderLength = 4;
const nestedFlag = 0x8000;
const attributeTypeMask = 0x3fff;

/** Lays the messages one after the other, numbered from `firstSequence`; only the last asks for an acknowledgement. */
export function encodeMessages(messages: readonly NetlinkMessage[], firstSequence: number): Buffer {
  const lengths = messages.map(messageLength);
  const buffer = Buffer.alloc(lengths.reduce((sum, length) => sum + align(length), 0));
  let offset = 0;
  messages.forEach((message, index) => {
    const length = lengths[index] ?? 0;
    const ack = index === messages.length - 1 ? messageFlags.ack : 0;
    buffer.writeUInt32LE(length, offset);
    buffer.writeUInt16LE(message.type, offset + 4);
    buffer.writeUInt16LE(message.flags | messageFlags.request | ack, offset + 6);
    buffer.writeUInt32LE((firstSequence + index) >>> 0, offset + 8);
    buffer.set(message.header, offset + headerLength);
    writeAttributes(buffer, offset + headerLength + align(message.header.length), message.attributes);
    offset += align(length);
  });
  return buffer;
}

/** Splits what one `recv` gave. Throws NetlinkDecodeError. */
export function decodeMessages(data: Buffer): ReceivedMessage[] {
  const messages: ReceivedMessage[] = [];
  let offset = 0;
  while (offset < data.length) {
    if (data.length - offset < headerLength) throw truncated(offset);
    const length = data.readUInt32LE(offset);
    if (length < headerLength) throw badLength(offset);
    if (offset + length > data.length) throw truncated(offset);
    messages.push({
      type: data.readUInt16LE(offset + 4),
      flags: data.readUInt16LE(offset + 6),
      sequence: data.readUInt32LE(offset + 8),
      portId: data.readUInt32LE(offset + 12),
      payload: data.subarray(offset + headerLength, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/** The attributes of a payload from `offset` on, found when asked for: of a link's fifty few are ever wanted. */
export interface Attributes {
  /** The value of the first attribute of that type. */
  get(type: number): Buffer | undefined;
}

/** Throws NetlinkDecodeError when the attributes do not fill the payload as they say. */
export function decodeAttributes(payload: Buffer, offset = 0): Attributes {
  // Before it is aligned: that makes a negative number of one that needs 32 bits.
  if (offset > payload.length) throw truncated(offset);
  const start = align(offset);
  if (start > payload.length) throw truncated(start);
  for (let position = start; payload.length - position >= attributeHeaderLength; ) {
    const length = readU16(payload, position);
    if (length < attributeHeaderLength) throw badLength(position);
    if (position + length > payload.length) throw truncated(position);
    position += align(length);
  }
  return { get: (type) => findAttribute(payload, start, type) };
}

function findAttribute(payload: Buffer, start: number, type: number): Buffer | undefined {
  for (let position = start; payload.length - position >= attributeHeaderLength; ) {
    const length = readU16(payload, position);
    if ((readU16(payload, position + 2) & attributeTypeMask) === type)
      return payload.subarray(position + attributeHeaderLength, position + length);
    position += align(length);
  }
  return undefined;
}

/** Several times faster than Buffer's own, and this runs for each attribute of each notification. */
function readU16(data: Uint8Array, position: number): number {
  return (data[position] ?? 0) | ((data[position + 1] ?? 0) << 8);
}

/** The fixed struct in front of the attributes, or NetlinkDecodeError TRUNCATED when the payload is shorter. */
export function fixedHeader(payload: Buffer, length: number): Buffer {
  if (payload.length < length) throw truncated(0);
  return payload.subarray(0, length);
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
    buffer.writeUInt16LE(length, offset);
    if (value instanceof Uint8Array) {
      buffer.writeUInt16LE(type, offset + 2);
      buffer.set(value, offset + attributeHeaderLength);
    } else {
      buffer.writeUInt16LE(type | nestedFlag, offset + 2);
      writeAttributes(buffer, offset + attributeHeaderLength, value);
    }
    offset += align(length);
  }
}

function messageLength(message: NetlinkMessage): number {
  return headerLength + align(message.header.length) + attributesLength(message.attributes);
}

function attributesLength(attributes: readonly NetlinkAttribute[]): number {
  return attributes.reduce((sum, { value }) => sum + align(attributeLength(value)), 0);
}

function attributeLength(value: NetlinkAttribute["value"]): number {
  return attributeHeaderLength + (value instanceof Uint8Array ? value.length : attributesLength(value));
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function truncated(offset: number): NetlinkDecodeError {
  return new NetlinkDecodeError(`netlink data ends early at byte ${offset}`, { code: "TRUNCATED", offset });
}

function badLength(offset: number): NetlinkDecodeError {
  return new NetlinkDecodeError(`netlink length field at byte ${offset} is too small`, {
    code: "BAD_LENGTH",
    offset,
  });
}
