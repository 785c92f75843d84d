import {
  addressBytes,
  addressFamily,
  familyNumber,
  readAddress,
  readU32,
  u8,
  u32,
} from "./attribute-values.ts";
import {
  decodeAttributes,
  dumpOf,
  fixedHeader,
  messageFlags,
  type NetlinkAttribute,
  type NetlinkMessage,
} from "./netlink-message.ts";

/** RTM_*RULE of linux/rtnetlink.h. */
export const ruleType = { new: 32, delete: 33, get: 34 } as const;

/** FRA_* of linux/fib_rules.h. */
const attribute = {
  destination: 1,
  source: 2,
  goto: 4,
  priority: 6,
  mark: 10,
  suppressPrefixLength: 14,
  table: 15,
  mask: 16,
  protocol: 21,
} as const;
/** FR_ACT_* of linux/fib_rules.h. */
const action = { toTable: 1, goto: 2, nop: 3, unreachable: 7 } as const;
const headerLength = 12;
/** What the kernel reports where nothing is suppressed: -1 (net/core/fib_rules.c, fib_nl2rule). */
const suppressesNone = 0xffffffff;

/** A policy routing rule of either family. */
export interface Rule {
  readonly family: 4 | 6;
  readonly priority: number;
  /** Where it looks the packet up; 0 where it leads to none. */
  readonly table: number;
  /** What it does instead of a look-up. */
  readonly action?: "nop" | "unreachable";
  /** Priority of the rule to go on with, instead of a look-up. Without such a rule it does nothing. */
  readonly goto?: number;
  /** Of the table only routes with longer prefixes count. */
  readonly suppressPrefixLength?: number;
  /** "10.0.0.0/8"; without a length, one address. */
  readonly source?: string;
  readonly destination?: string;
  readonly mark?: number;
  readonly mask?: number;
  /** Who made it (FRA_PROTOCOL). */
  readonly protocol?: number;
}

export function newRule(rule: Rule): NetlinkMessage {
  return message(ruleType.new, messageFlags.create | messageFlags.excl, rule);
}

export function deleteRule(rule: Rule): NetlinkMessage {
  return message(ruleType.delete, 0, rule);
}

/** All rules of both families. */
export function dumpRules(): NetlinkMessage {
  return dumpOf(ruleType.get, Buffer.alloc(headerLength));
}

/** Payload of RTM_NEWRULE and RTM_DELRULE; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeRule(payload: Buffer): Rule | undefined {
  const header = fixedHeader(payload, headerLength);
  const family = familyNumber(header.readUInt8(0));
  if (family === undefined) return undefined;
  const attributes = decodeAttributes(payload, headerLength);
  const destination = readAddress(attributes.get(attribute.destination));
  const source = readAddress(attributes.get(attribute.source));
  const mark = readU32(attributes.get(attribute.mark));
  const mask = readU32(attributes.get(attribute.mask));
  const target = readU32(attributes.get(attribute.goto));
  const suppressed = readU32(attributes.get(attribute.suppressPrefixLength)) ?? suppressesNone;
  const found = header.readUInt8(7);
  const protocol = attributes.get(attribute.protocol)?.at(0);
  return {
    family,
    priority: readU32(attributes.get(attribute.priority)) ?? 0,
    table: readU32(attributes.get(attribute.table)) ?? header.readUInt8(4),
    ...(found === action.nop ? { action: "nop" as const } : {}),
    ...(found === action.unreachable ? { action: "unreachable" as const } : {}),
    ...(target === undefined ? {} : { goto: target }),
    ...(suppressed === suppressesNone ? {} : { suppressPrefixLength: suppressed }),
    ...(source === undefined ? {} : { source: `${source}/${header.readUInt8(2)}` }),
    ...(destination === undefined ? {} : { destination: `${destination}/${header.readUInt8(1)}` }),
    // The kernel reports a mask for marks only; a rule without mark has neither.
    ...(mark === undefined ? {} : { mark }),
    ...(mark === undefined || mask === undefined ? {} : { mask }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}

function message(type: number, flags: number, rule: Rule): NetlinkMessage {
  const header = Buffer.alloc(headerLength);
  header.writeUInt8(addressFamily(rule.family), 0);
  header.writeUInt8(rule.table < 256 ? rule.table : 0, 4);
  header.writeUInt8(action[rule.goto === undefined ? (rule.action ?? "toTable") : "goto"], 7);
  const attributes: NetlinkAttribute[] = [
    { type: attribute.priority, value: u32(rule.priority) },
    { type: attribute.table, value: u32(rule.table) },
  ];
  if (rule.destination !== undefined)
    attributes.push({ type: attribute.destination, value: prefixInto(header, 1, rule.destination) });
  if (rule.source !== undefined)
    attributes.push({ type: attribute.source, value: prefixInto(header, 2, rule.source) });
  if (rule.goto !== undefined) attributes.push({ type: attribute.goto, value: u32(rule.goto) });
  if (rule.suppressPrefixLength !== undefined)
    attributes.push({ type: attribute.suppressPrefixLength, value: u32(rule.suppressPrefixLength) });
  if (rule.mark !== undefined) attributes.push({ type: attribute.mark, value: u32(rule.mark) });
  if (rule.mask !== undefined) attributes.push({ type: attribute.mask, value: u32(rule.mask) });
  if (rule.protocol !== undefined) attributes.push({ type: attribute.protocol, value: u8(rule.protocol) });
  return { type, flags, header, attributes };
}

/** Writes the prefix length into the header and gives the address. A prefix without length names one address. */
function prefixInto(header: Buffer, offset: number, prefix: string): Uint8Array {
  const [address = "", length] = prefix.split("/");
  const bytes = addressBytes(address);
  header.writeUInt8(length === undefined ? bytes.length * 8 : Number(length), offset);
  return bytes;
}
