import {
  addressBytes,
  addressFamily,
  familyNumber,
  readAddress,
  readU32,
  u8,
  u32,
} from "./attribute-values.ts";
import { FR_ACT, FRA, fib_rule_hdr } from "./include/linux/fib_rules.ts";
import { NLM_F } from "./include/linux/netlink.ts";
import { RTM } from "./include/linux/rtnetlink.ts";
import { decodeAttributes, dumpOf, type NetlinkAttribute, type NetlinkMessage } from "./netlink-message.ts";
import { decodeStruct, encodeStruct } from "./struct.ts";

const actionNumbers = {
  lookup: FR_ACT.TO_TBL,
  goto: FR_ACT.GOTO,
  nop: FR_ACT.NOP,
  unreachable: FR_ACT.UNREACHABLE,
} as const;
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

/** RTM_NEWRULE; EEXIST when the same rule is there. */
export function newRule(rule: Rule): NetlinkMessage {
  return message(RTM.NEWRULE, NLM_F.CREATE | NLM_F.EXCL, rule);
}

/** RTM_DELRULE: removes the first rule that has all of this; ENOENT when there is none. */
export function deleteRule(rule: Rule): NetlinkMessage {
  return message(RTM.DELRULE, 0, rule);
}

/** RTM_GETRULE: all rules of both families. */
export function dumpRules(): NetlinkMessage {
  return dumpOf(RTM.GETRULE, encodeStruct(fib_rule_hdr, {}));
}

/** Payload of RTM_NEWRULE and RTM_DELRULE; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeRule(payload: Buffer): Rule | undefined {
  const header = decodeStruct(fib_rule_hdr, payload);
  const family = familyNumber(header.family);
  if (family === undefined) return undefined;
  const attributes = decodeAttributes(payload, fib_rule_hdr.size);
  const destination = readAddress(attributes.get(FRA.DST));
  const source = readAddress(attributes.get(FRA.SRC));
  const mark = readU32(attributes.get(FRA.FWMARK));
  const mask = readU32(attributes.get(FRA.FWMASK));
  const target = readU32(attributes.get(FRA.GOTO));
  const suppressed = readU32(attributes.get(FRA.SUPPRESS_PREFIXLEN)) ?? suppressesNone;
  const protocol = attributes.get(FRA.PROTOCOL)?.at(0);
  return {
    family,
    priority: readU32(attributes.get(FRA.PRIORITY)) ?? 0,
    table: readU32(attributes.get(FRA.TABLE)) ?? header.table,
    ...(header.action === FR_ACT.NOP ? { action: "nop" as const } : {}),
    ...(header.action === FR_ACT.UNREACHABLE ? { action: "unreachable" as const } : {}),
    ...(target === undefined ? {} : { goto: target }),
    ...(suppressed === suppressesNone ? {} : { suppressPrefixLength: suppressed }),
    ...(source === undefined ? {} : { source: `${source}/${header.src_len}` }),
    ...(destination === undefined ? {} : { destination: `${destination}/${header.dst_len}` }),
    // The kernel reports a mask for marks only; a rule without mark has neither.
    ...(mark === undefined ? {} : { mark }),
    ...(mark === undefined || mask === undefined ? {} : { mask }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}

function message(type: number, flags: number, rule: Rule): NetlinkMessage {
  const source = rule.source === undefined ? undefined : parsePrefix(rule.source);
  const destination = rule.destination === undefined ? undefined : parsePrefix(rule.destination);
  const header = encodeStruct(fib_rule_hdr, {
    family: addressFamily(rule.family),
    dst_len: destination?.length ?? 0,
    src_len: source?.length ?? 0,
    table: rule.table < 256 ? rule.table : 0,
    action: actionNumbers[rule.goto === undefined ? (rule.action ?? "lookup") : "goto"],
  });
  const attributes: NetlinkAttribute[] = [
    { type: FRA.PRIORITY, value: u32(rule.priority) },
    { type: FRA.TABLE, value: u32(rule.table) },
  ];
  if (destination !== undefined) attributes.push({ type: FRA.DST, value: destination.address });
  if (source !== undefined) attributes.push({ type: FRA.SRC, value: source.address });
  if (rule.goto !== undefined) attributes.push({ type: FRA.GOTO, value: u32(rule.goto) });
  if (rule.suppressPrefixLength !== undefined)
    attributes.push({ type: FRA.SUPPRESS_PREFIXLEN, value: u32(rule.suppressPrefixLength) });
  if (rule.mark !== undefined) attributes.push({ type: FRA.FWMARK, value: u32(rule.mark) });
  if (rule.mask !== undefined) attributes.push({ type: FRA.FWMASK, value: u32(rule.mask) });
  if (rule.protocol !== undefined) attributes.push({ type: FRA.PROTOCOL, value: u8(rule.protocol) });
  return { type, flags, header, attributes };
}

/** A prefix without length names one address. */
function parsePrefix(prefix: string): { readonly address: Uint8Array; readonly length: number } {
  const [text = "", length] = prefix.split("/");
  const address = addressBytes(text);
  return { address, length: length === undefined ? address.length * 8 : Number(length) };
}
