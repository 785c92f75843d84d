import type { OwnerFacts } from "../domain/owner/owner-facts.ts";
import type { OwnerTerms } from "../domain/owner/owner-terms.ts";
import type { TailnetError, TailscaledProcess } from "./tailnet.ts";

export type OwnerFailure =
  /** Nobody answers on the socket. */
  | { readonly code: "NO_SOCKET"; readonly path: string }
  /** Its owner does something with it at this moment, or it has no profile yet: another look tells. */
  | { readonly code: "UNSETTLED" }
  /** Its list of routes cannot be edited without a loss to its owner. */
  | { readonly code: "APP_CONNECTOR" }
  /** Nothing loads our rules at boot, before it starts: others' routes, which it would go on accepting, would take the node's traffic. */
  | { readonly code: "NO_BOOT_UNIT" }
  /** What was sent is not what is read back: somebody else edits at the same time. */
  | { readonly code: "EDIT_LOST" }
  /** The records in the state directory are not what this release writes. */
  | { readonly code: "RECORDS_UNREADABLE"; readonly path: string };

/** The node's own tailscaled, of which its owner decides: what we add to its preferences, and take back. */
export interface Owner {
  /** The process that answers. Throws OwnerFailure NO_SOCKET. */
  find(): Promise<TailscaledProcess>;
  /** Remembers that this process is attended; whether it was before. */
  attend(process: TailscaledProcess): Promise<boolean>;
  /** Throws UNSETTLED and what the LocalAPI throws. */
  look(signal: AbortSignal): Promise<OwnerFacts>;
  /** Tells of each change of state, preferences and the node itself; `closed` is called once, when the bus ends. */
  watch(changed: () => void, closed: (error: TailnetError) => void): () => void;
  /** What was written down last; null before the first time. */
  recallTerms(): Promise<OwnerTerms | null>;
  /** Writes down what the guard must know. */
  keepTerms(terms: OwnerTerms, signal: AbortSignal): Promise<void>;
  /**
   * Adds these prefixes to the profile in use and has it accept routes; writes down first what is ours. Throws OwnerFailure
   * UNSETTLED, APP_CONNECTOR, NO_BOOT_UNIT or EDIT_LOST.
   */
  announce(
    prefixes: readonly string[],
    signal: AbortSignal,
  ): Promise<Pick<OwnerFacts, "preferences" | "record">>;
  /** Whether a profile holds something of ours. Throws RECORDS_UNREADABLE. */
  holdsOurs(): Promise<boolean>;
  /**
   * Takes back what is ours of the profile in use: the prefixes it no longer announces, and a sentence for each thing that is left.
   * Needs no tailscaled where nothing is ours.
   */
  undo(
    signal: AbortSignal,
  ): Promise<{ readonly withdrawn: readonly string[]; readonly left: readonly string[] }>;
}
