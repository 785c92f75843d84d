import ipaddr from "ipaddr.js";
import { HeadcniError } from "../failure.ts";

/** A CIDR prefix in canonical form; `base` has no host bits. */
export interface Prefix {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly length: number;
}

export class PrefixError extends HeadcniError<
  | { readonly code: "BAD_ADDRESS" | "BAD_PREFIX"; readonly text: string }
  /** `meant`: the prefix without them. */
  | { readonly code: "HOST_BITS"; readonly text: string; readonly meant: string }
> {}

/** Address as a number with its family. Throws PrefixError BAD_ADDRESS. IPv4 must be four decimal parts. */
export function parseAddress(text: string): { readonly family: 4 | 6; readonly value: bigint } {
  if (ipaddr.IPv4.isValidFourPartDecimal(text))
    return { family: 4, value: toBigInt(ipaddr.IPv4.parse(text).toByteArray()) };
  if (text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text))
    return { family: 6, value: toBigInt(ipaddr.IPv6.parse(text).toByteArray()) };
  throw new PrefixError(`"${text}" is not an IP address`, { code: "BAD_ADDRESS", text });
}

/** Canonical text of an address (RFC 5952 for IPv6). */
export function formatAddress(family: 4 | 6, value: bigint): string {
  return ipaddr.fromByteArray(toBytes(value, family === 4 ? 4 : 16)).toString();
}

/** Throws PrefixError: BAD_ADDRESS, BAD_PREFIX, or HOST_BITS when bits beyond the length are set. */
export function parsePrefix(text: string): Prefix {
  const [address = "", lengthText = "", ...rest] = text.split("/");
  if (rest.length > 0 || !/^\d{1,3}$/.test(lengthText))
    throw new PrefixError(`"${text}" is not a prefix such as 10.244.0.0/16`, { code: "BAD_PREFIX", text });
  const { family, value } = parseAddress(address);
  const length = Number(lengthText);
  if (length > bits(family))
    throw new PrefixError(`"${text}" has a prefix length above ${bits(family)}`, {
      code: "BAD_PREFIX",
      text,
    });
  const base = value & mask(family, length);
  if (base !== value) {
    const meant = formatPrefix({ family, base, length });
    throw new PrefixError(`"${text}" has host bits set; the prefix is ${meant}`, {
      code: "HOST_BITS",
      text,
      meant,
    });
  }
  return { family, base, length };
}

/** The prefix that another program wrote; undefined for anything that is none. */
export function readPrefix(text: string): Prefix | undefined {
  try {
    return parsePrefix(text);
  } catch (error) {
    if (error instanceof PrefixError) return undefined;
    throw error;
  }
}

/** The prefix that holds this address alone. */
export function hostPrefix(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.family, prefix.base)}/${prefix.length}`;
}

/** Whether `inner` lies wholly inside `outer` (equal counts). */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family &&
    inner.length >= outer.length &&
    (inner.base & mask(outer.family, outer.length)) === outer.base
  );
}

export function containsAddress(prefix: Prefix, address: string): boolean {
  const { family, value } = parseAddress(address);
  return family === prefix.family && (value & mask(family, prefix.length)) === prefix.base;
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return containsPrefix(a, b) || containsPrefix(b, a);
}

/** Order of prefixes by family and address; one comes right before those inside it. */
export function byPlace(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.base !== b.base) return a.base < b.base ? -1 : 1;
  return a.length - b.length;
}

/** Number of addresses in the prefix. */
export function prefixSize(prefix: Prefix): bigint {
  return 1n << BigInt(bits(prefix.family) - prefix.length);
}

/** The address at `offset` from the prefix's base; the caller keeps it inside. */
export function addressAt(prefix: Prefix, offset: bigint): string {
  return formatAddress(prefix.family, prefix.base + offset);
}

/** The node's router address: the first usable address of its pod CIDR. */
export function routerAddress(prefix: Prefix): string {
  return addressAt(prefix, 1n);
}

function bits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** Ones down to the length; above the family's bits, too, where no address has any. */
function mask(family: 4 | 6, length: number): bigint {
  return -1n << BigInt(bits(family) - length);
}

function toBigInt(bytes: readonly number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function toBytes(value: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, index) =>
    Number((value >> BigInt(8 * (count - 1 - index))) & 0xffn),
  );
}
