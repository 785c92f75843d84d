/** A flow that conntrack knows, as it is forwarded: its destination behind the translation of Services. Plain, but for bytes. */
export interface KernelFlow {
  /** Address family number of Linux. */
  readonly family: number;
  /** Of who opened it, canonical. */
  readonly source: string;
  readonly destination: string;
  /** "other": of those that policies have no ports for. */
  readonly protocol: "TCP" | "UDP" | "SCTP" | "other";
  /** The destination's. */
  readonly port: number;
  /** The tuple and the number by which the kernel finds it, as it told them. */
  readonly original: Uint8Array;
  readonly id: Uint8Array;
}
