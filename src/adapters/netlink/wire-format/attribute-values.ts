import ipaddr from "ipaddr.js";
import { AF } from "./include/sys/socket.ts";
import { badLength } from "./netlink-decode-error.ts";

/** The lowest 8 bits. */
export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

/** The lowest 32 bits, little-endian: the host's byte order on every platform we build for. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** A string with its terminating NUL, as the kernel expects names. */
export function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

/** "02:00:00:00:00:01" as six bytes. */
export function macBytes(mac: string): Uint8Array {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

/** Four or sixteen bytes in network order; throws Error for a text that is no address. */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

/** Undefined without a value, here and below. Throws NetlinkDecodeError BAD_LENGTH for a value of less than four bytes. */
export function readU32(value: Buffer | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (value.length < 4) throw badLength(0);
  return value.readUInt32LE(0);
}

/** Up to the first NUL; empty without a value. */
export function readString(value: Buffer | undefined): string {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end === -1 ? value.length : end);
}

/** "02:00:00:00:00:01"; empty without a value. */
export function readMac(value: Buffer | undefined): string {
  return value === undefined ? "" : [...value].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** An address in text, IPv6 as RFC 5952 has it. Throws NetlinkDecodeError BAD_LENGTH for a value of other than four or sixteen bytes. */
export function readAddress(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.length !== 4 && value.length !== 16) throw badLength(0);
  return ipaddr.fromByteArray([...value]).toString();
}

export function addressFamily(family: 4 | 6): number {
  return family === 4 ? AF.INET : AF.INET6;
}

/** Undefined for families other than AF_INET and AF_INET6. */
export function familyNumber(addressFamilyNumber: number): 4 | 6 | undefined {
  if (addressFamilyNumber === AF.INET) return 4;
  return addressFamilyNumber === AF.INET6 ? 6 : undefined;
}

/** Of an address or a prefix in text. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
