import { truncated } from "./netlink-decode-error.ts";

/** A struct of a kernel header, without the fields that nothing here uses. All in bytes. */
export interface Struct<Field extends string = string> {
  readonly size: number;
  readonly fields: { readonly [Name in Field]: readonly [offset: number, size: number] };
}

/** Its unsigned integers; the host's byte order is taken to be little-endian. */
export type StructValues<Field extends string> = { readonly [Name in Field]: number };

/** The struct with these values and zeros elsewhere. Throws RangeError for a value that its field has no room for. */
export function encodeStruct<Field extends string>(
  struct: Struct<Field>,
  values: Partial<StructValues<Field>>,
): Buffer {
  const bytes = Buffer.alloc(struct.size);
  writeStruct(bytes, 0, struct, values);
  return bytes;
}

/** As encodeStruct, into `target` from `position` on; what has no value stays as it is. */
export function writeStruct<Field extends string>(
  target: Buffer,
  position: number,
  struct: Struct<Field>,
  values: Partial<StructValues<Field>>,
): void {
  for (const name in values) {
    const [offset, size] = struct.fields[name];
    target.writeUIntLE(values[name] ?? 0, position + offset, size);
  }
}

/** The fields of the struct that begins at `position`. Throws NetlinkDecodeError TRUNCATED when it does not fit. */
export function decodeStruct<Field extends string>(
  struct: Struct<Field>,
  bytes: Buffer,
  position = 0,
): StructValues<Field> {
  if (bytes.length - position < struct.size) throw truncated(position);
  const values: Partial<Record<Field, number>> = {};
  for (const name in struct.fields) {
    const [offset, size] = struct.fields[name];
    values[name] = bytes.readUIntLE(position + offset, size);
  }
  return values as StructValues<Field>;
}
