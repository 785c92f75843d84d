import { parseAddress } from "../addresses/prefix.ts";
import { stableHash } from "../stable-hash.ts";
import type { AttachmentPlan, AttachmentState, ObservedAttachment } from "./attachment.ts";

/** What the alias of a host-side veth says about its attachment. */
export type LinkAlias = Pick<
  ObservedAttachment,
  "state" | "network" | "containerId" | "ifname" | "podUid" | "netnsInode" | "addresses" | "order"
>;

/** The kernel refuses more (IFALIASZ is 256 with the terminating NUL, linux/if.h). */
export const maximumAliasBytes = 255;

/** Of the alias's format. A release that changes its fields raises it. */
export const linkAliasVersion = 1;
const head = `headcni${linkAliasVersion}`;
/**
 * Longest encoded form in bytes; anything longer is replaced by its hash. With the version (8), state (7), inode (20), both
 * addresses (15 + 1 + 39), order (5) and eight spaces the sum stays within 255.
 */
const limits = { network: 33, containerId: 64, ifname: 15, podUid: 36 } as const;
const empty = "-";
/** A value that was too long: as many letters of hash as have room (compare `shortId`). */
const hashed = /^~[0-9a-z]{14,26}$/;
const highestOrder = 9999;

/** At most 255 bytes, fields separated by spaces. Formatting what was parsed gives the same text. */
export function formatLinkAlias(alias: LinkAlias): string {
  return [
    head,
    alias.state,
    encode(alias.network, limits.network),
    encode(alias.containerId, limits.containerId),
    encode(alias.ifname, limits.ifname),
    encode(alias.podUid, limits.podUid),
    alias.netnsInode,
    alias.addresses.join(",") || empty,
    String(alias.order),
  ].join(" ");
}

/** Undefined for everything that this version did not write: a foreign alias, another version, a cut one. */
export function parseLinkAlias(text: string): LinkAlias | undefined {
  const [first, state, network, containerId, ifname, podUid, netnsInode, addressList, order, ...rest] =
    text.split(" ");
  if (first !== head || !isState(state) || rest.length > 0) return undefined;
  if (netnsInode === undefined || !/^\d{1,20}$/.test(netnsInode)) return undefined;
  if (order === undefined || !/^(0|[1-9]\d{0,3})$/.test(order)) return undefined;
  const addresses = parseAddresses(addressList);
  const [name, id, link, uid] = [network, containerId, ifname, podUid].map(decode);
  if (name === undefined || id === undefined || link === undefined || uid === undefined) return undefined;
  if (addresses === undefined) return undefined;
  return {
    state,
    network: name,
    containerId: id,
    ifname: link,
    podUid: uid,
    netnsInode,
    addresses,
    order: Number(order),
  };
}

/** Version of the format that a release of HeadCNI wrote this alias in, also a later one; undefined for words of others. */
export function aliasVersion(text: string): number | undefined {
  const digits = /^headcni([1-9]\d{0,5}) /.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function planAlias(plan: AttachmentPlan, state: AttachmentState, netnsInode: string): string {
  const { network, containerId, ifname, podUid, addresses } = plan;
  const order = Math.min(plan.order, highestOrder);
  return formatLinkAlias({ state, network, containerId, ifname, podUid, netnsInode, addresses, order });
}

/** A network's name as an alias carries it; over-long ones are hashed, so names are compared in this form. */
export function aliasNetwork(network: string): string {
  return encode(network, limits.network);
}

function encode(value: string, limit: number): string {
  if (value === "") return empty;
  if (hashed.test(value)) return value;
  const escaped = value
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get into an alias
    .replace(/^[-~]|[%\s\u0000-\u001f\u007f]/g, percent);
  return new TextEncoder().encode(escaped).length > limit
    ? `~${stableHash(value)}${stableHash(`${value}/2`)}`.slice(0, limit)
    : escaped;
}

function decode(field: string | undefined): string | undefined {
  if (field === undefined || field === "") return undefined;
  if (field === empty) return "";
  try {
    return decodeURIComponent(field);
  } catch {
    return undefined;
  }
}

function percent(text: string): string {
  const bytes = [...new TextEncoder().encode(text)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

function parseAddresses(list: string | undefined): readonly string[] | undefined {
  if (list === undefined) return undefined;
  if (list === empty) return [];
  const addresses = list.split(",");
  try {
    addresses.forEach(parseAddress);
    return addresses;
  } catch {
    return undefined;
  }
}

function isState(text: string | undefined): text is AttachmentState {
  return text === "pending" || text === "ready" || text === "leaving";
}
