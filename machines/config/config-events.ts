import type {
  ConfigChange,
  ConfigProblem,
  ConfigReview,
  RefusedChange,
} from "../../src/domain/config-change.ts";
import type { Failure } from "../../src/domain/failure.ts";

export type ConfigEvent =
  /** The file, or a file with a key, may have changed; bursts are gathered. */
  | { readonly type: "config.touched" }
  /** Nobody watches any more: the directory is gone, or the kernel gives no more watches. */
  | { readonly type: "config.unwatched"; readonly failure: Failure };

/** What the root learns. Values of secrets are never in it. */
export type ConfigReport =
  /** These hold from now on. */
  | { readonly type: "config.changed"; readonly changes: readonly ConfigChange[] }
  /** The file says something that this process does not do: it is invalid, or needs a restart. */
  | {
      readonly type: "config.refused";
      readonly refused: readonly RefusedChange[];
      readonly problems: readonly ConfigProblem[];
    };

export const nothingReviewed: ConfigReview = { changes: [], refused: [], problems: [] };
