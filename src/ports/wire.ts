import type { Failure } from "../domain/failure.ts";
import type { TailscaledProcess } from "./tailnet.ts";

export type WireFailure =
  /** No record: headcni-wire was never started since boot, or ended in order. */
  | { readonly code: "WIRE_MISSING"; readonly path: string }
  | { readonly code: "WIRE_UNREADABLE"; readonly path: string }
  /** The recorded launcher is gone, or stands in another namespace than it says. */
  | { readonly code: "WIRE_GONE"; readonly pid: number }
  /** The launcher lives and holds the tailnet namespace, but tailscaled does not answer in it (yet). */
  | { readonly code: "TAILSCALED_AWAY" };

/** What headcni-wire says of itself, in `<runtimeDir>/wire.json`. Pids are those of its own pid namespace. */
export interface WireRecord {
  readonly version: 1;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: the same in every pid namespace. */
  readonly startTime: string;
  /** Inode of the tailnet namespace, as in the link /proc/PID/ns/net. */
  readonly netnsInode: string;
  /** Null while it does not answer. */
  readonly tailscaled: { readonly pid: number; readonly startTime: string } | null;
  /** tailscaled's LocalAPI. */
  readonly socket: string;
  /** ISO 8601, when the launcher made the tailnet namespace. */
  readonly startedAt: string;
}

/** headcni-wire as the daemon sees it. */
export interface Wire {
  /** The tailscaled that lives in the tailnet namespace now, pid as this process sees it. Throws WireFailure. */
  find(): Promise<TailscaledProcess>;
  /**
   * Opens the tailnet namespace in the kernel port as the "tailnet" namespace, and remembers for later daemons that its tailscaled is
   * attended. Gives a name that no other tailnet namespace of this boot has. Throws WireFailure, or what the kernel port throws.
   */
  enter(): Promise<string>;
}

export interface WireEnd {
  /**
   * Ends headcni-wire, and on a node from before it the tailscaled that the daemon ran; resolves once it is gone, false when none
   * ran. Throws WireFailure WIRE_UNREADABLE.
   */
  end(signal: AbortSignal): Promise<boolean>;
}

/** What the launcher does on its node. */
export interface WireHost {
  /**
   * Makes a new tailnet namespace, joins it to the node by the veth pair, and stands in it from then on. Done once per process; a failure
   * leaves the process on the node, and it can be tried again. Gives the node's nameservers that only the node itself reaches.
   */
  prepare(): Promise<readonly string[]>;
  /** Runs headcni-resolver for them in the tailnet namespace; `ended` is called once. Returns the way to end it. */
  resolve(addresses: readonly string[], ended: (failure: Failure) => void): () => void;
  /** Starts tailscaled in the tailnet namespace. `answers` is called once its LocalAPI does, `ended` once when it is gone. */
  launch(heard: {
    readonly answers: (process: TailscaledProcess) => void;
    readonly ended: (failure: Failure) => void;
  }): {
    /** SIGTERM, and SIGKILL after 5 s. */
    end(): void;
  };
  /** Tells the daemon: null while tailscaled does not answer. */
  publish(tailscaled: TailscaledProcess | null): Promise<void>;
  /** Takes the record away: headcni-wire ends. */
  retract(): Promise<void>;
}
