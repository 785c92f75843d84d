import type { TailscaledProcess } from "../../ports/tailnet.ts";

/** Who keeps tailscaled's process: the daemon itself, or headcni-wire. */
export interface TailscaledKeeper {
  /** The process that lives in X now. */
  find(): Promise<TailscaledProcess | undefined>;
  /** Resolves once `answers` says that its LocalAPI answers. */
  start(answers: () => Promise<boolean>, signal: AbortSignal): Promise<TailscaledProcess>;
  stop(process: TailscaledProcess, signal: AbortSignal): Promise<void>;
}
