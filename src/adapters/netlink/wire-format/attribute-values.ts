import ipaddr from "ipaddr.js";
import { NetlinkDecodeError } from "./netlink-decode-error.ts";

/** Values of netlink attributes: integers in the host's byte order (little-endian on every platform we build for). */
export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

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

/** Four or sixteen bytes in network order; the text must be an address (see domain/prefix.ts). */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

export function readU32(value: Buffer | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (value.length < 4) throw shortValue();
  return value.readUInt32LE(0);
}

export function readString(value: Buffer | undefined): string {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end === -1 ? value.length : end);
}

export function readMac(value: Buffer | undefined): string {
  return value === undefined ? "" : [...value].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

export function readAddress(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.length !== 4 && value.length !== 16) throw shortValue();
  return ipaddr.fromByteArray([...value]).toString();
}

/** AF_INET is 2, AF_INET6 is 10. */
export function addressFamily(family: 4 | 6): number {
  return family === 4 ? 2 : 10;
}

/** 4 or 6 for AF_INET and AF_INET6, undefined for every other family. */
export function familyNumber(addressFamilyNumber: number): 4 | 6 | undefined {
  if (addressFamilyNumber === 2) return 4;
  return addressFamilyNumber === 10 ? 6 : undefined;
}

export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function shortValue(): NetlinkDecodeError {
  return new NetlinkDecodeError("netlink attribute has an impossible length", {
    code: "BAD_LENGTH",
    offset: 0,
  });
}
