/** A machine of the tailnet as Headscale lists it (proto/headscale/v1/node.proto), trimmed where it is read. */
export interface TailnetMachine {
  /** Headscale's node id, which is the stable ID that its tailscaled knows. Never used again for another machine. */
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  /** Unix time in ms; 0 where Headscale does not say. */
  readonly createdAtMs: number;
  /** When it was last connected, Unix time in ms; 0 where Headscale does not say. */
  readonly lastSeenAtMs: number;
  /** Id of the pre-auth key it joined with; empty where it joined without one, or the key was deleted. */
  readonly authKeyId: string;
  /** What it announces now (`availableRoutes`). */
  readonly announced: readonly string[];
  readonly approved: readonly string[];
}
