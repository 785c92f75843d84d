import type { HeadcniError } from "../domain/failure.ts";
import type { TailnetStatus } from "../domain/tailnet/tailnet-status.ts";

export type TailnetFailure =
  | { readonly code: "BINARY_MISSING"; readonly binary: string }
  /** `reason`: "ENOENT", "ECONNREFUSED", "EACCES"; "TimeoutError" where nothing came in time. */
  | { readonly code: "UNREACHABLE"; readonly reason: string }
  /** A warning: the host names no nameserver, so names cannot be resolved in the tailnet namespace. */
  | { readonly code: "RESOLVER_MISSING" }
  | { readonly code: "REFUSED"; readonly status: number; readonly text: string }
  | { readonly code: "UNREADABLE"; readonly path: string; readonly text: string };
export type TailnetError = HeadcniError<TailnetFailure>;

/** The running tailscaled as a process. */
export interface TailscaledProcess {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names one process for ever. */
  readonly startTime: string;
  /** False for one that no daemon has attended yet. */
  readonly attended?: boolean;
}

/** How a first login is made. */
export interface LoginRequest {
  readonly controlUrl: string;
  readonly authKey: string;
  readonly hostname: string;
  readonly advertiseRoutes: readonly string[];
}

/** Our own tailscaled in the tailnet namespace, driven over its LocalAPI. */
export interface Tailnet {
  /** The process that headcni-wire runs in the tailnet namespace now. */
  findProcess(): Promise<TailscaledProcess | undefined>;
  status(signal: AbortSignal): Promise<TailnetStatus>;
  /** `pulseOf` the status as it is, asked without peers: cheap in any tailnet. */
  pulse(signal: AbortSignal): Promise<string>;
  /** True when state on disk holds a node key: then no login is made. */
  hasNodeKey(signal: AbortSignal): Promise<boolean>;
  login(request: LoginRequest, signal: AbortSignal): Promise<void>;
  /** Brings the preferences that are ours to the wanted value (no-op when they are); never touches keys. */
  reconcilePrefs(
    wanted: {
      readonly controlUrl: string;
      readonly hostname: string;
      readonly advertiseRoutes: readonly string[];
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** Stops announcing these prefixes until preferences are reconciled again, and keeps all others. */
  withdrawRoutes(prefixes: readonly string[], signal: AbortSignal): Promise<void>;
  /** Ends tailscaled's talk with Headscale until the next login: it would repeat a refused one by itself. */
  disconnectControl(signal: AbortSignal): Promise<void>;
  /** Asks Headscale once more with the node key there is: a node it no longer knows ends in NeedsLogin. */
  recheckLogin(signal: AbortSignal): Promise<void>;
  /**
   * Follows the IPN bus; each message is a hint to read `status` again (`prefs`: somebody may have changed preferences;
   * `renewed`: node ids of peers that restarted, our session with which is gone).
   * `closed` is called once, when the bus ends.
   */
  watch(
    changed: (hint: { readonly prefs: boolean; readonly renewed: readonly string[] }) => void,
    closed: (error: TailnetError) => void,
  ): () => void;
  /** One disco ping; round trip in ms and the path, or undefined when nothing came back within a second. */
  discoPing(
    address: string,
    signal: AbortSignal,
  ): Promise<{ readonly latencyMs: number; readonly direct: boolean } | undefined>;
  /**
   * One ping through WireGuard (TSMP), which opens a session where there is none; round trip in ms, or undefined when
   * nothing came back within a second.
   */
  tunnelPing(address: string, signal: AbortSignal): Promise<{ readonly latencyMs: number } | undefined>;
}
