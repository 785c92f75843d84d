import type { ConfigChange, ConfigReview } from "../../src/domain/config-change.ts";
import type { Failure } from "../../src/domain/failure.ts";

export type ConfigEvent =
  /** The file, or a file with a key, may have changed; bursts are gathered. */
  | { readonly type: "config.touched" }
  /** Nobody watches any more: the directory is gone, or the kernel gives no more watches. */
  | { readonly type: "config.unwatched"; readonly failure: Failure };

/** What the root learns: these hold from now on. Values of secrets are never in it. */
export interface ConfigReport {
  readonly type: "config.changed";
  readonly changes: readonly ConfigChange[];
}

export const nothingReviewed: ConfigReview = { changes: [], refused: [], problems: [] };
