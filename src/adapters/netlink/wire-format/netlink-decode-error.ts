/** Bytes that do not have the shape they should have; `offset` counts from the start of what was given to the function. */
export class NetlinkDecodeError extends Error {
  override readonly name = "NetlinkDecodeError";
  readonly detail: { readonly code: "TRUNCATED" | "BAD_LENGTH"; readonly offset: number };

  constructor(message: string, detail: NetlinkDecodeError["detail"]) {
    super(message);
    this.detail = detail;
  }
}

export function truncated(offset: number): NetlinkDecodeError {
  return new NetlinkDecodeError(`netlink data ends early at byte ${offset}`, { code: "TRUNCATED", offset });
}

export function badLength(offset: number): NetlinkDecodeError {
  return new NetlinkDecodeError(`netlink length field at byte ${offset} is impossible`, {
    code: "BAD_LENGTH",
    offset,
  });
}
