import type { ConfigReview } from "../domain/config-change.ts";

/** The configuration that holds, and the files it comes from. */
export interface ConfigSource {
  /**
   * Calls `touched` once after each burst of changes to the file or to a file with a key, `failed` when that can no
   * longer be known. Returns the way to stop.
   */
  watch(touched: () => void, failed: (error: Error) => void): () => void;
  /** Reads all sources again and compares them with what holds. A bad file is an answer, not an error. */
  review(): Promise<ConfigReview>;
  /** Makes the live part of what was reviewed last hold; without a review it does nothing. */
  adopt(): Promise<void>;
}
