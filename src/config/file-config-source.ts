import type { ConfigChange, ConfigReview } from "../domain/config-change.ts";
import type { ConfigSource } from "../ports/config-source.ts";
import { ConfigError } from "./config-error.ts";
import type { Config } from "./config-schema.ts";
import { type LiveChange, liveChange } from "./live-change.ts";
import { type ConfigSources, loadConfig } from "./load-config.ts";
import { watchFiles } from "./watch-files.ts";

export interface FileConfigSourceOptions {
  readonly sources: ConfigSources;
  /** What the daemon was started with. */
  readonly config: Config;
  /** Hands the live values to the parts that hold them; called before the change counts as made. */
  readonly apply: (config: Config, changes: readonly ConfigChange[]) => void | Promise<void>;
  /** Hears what of the file does not hold, each time that it is read; values of secrets are not in it. */
  readonly refused: (review: Pick<ConfigReview, "refused" | "problems">) => void;
}

/** The configuration of the file, environment and flags, and who is told when its live part changes. */
export function createFileConfigSource({
  sources,
  config,
  apply,
  refused,
}: FileConfigSourceOptions): ConfigSource {
  let current = config;
  let reviewed: LiveChange | undefined;
  return {
    watch: (touched, failed) =>
      watchFiles(
        [sources.file, config.headscale.authKeyFile, config.headscale.apiKeyFile].filter(
          (file) => file !== undefined,
        ),
        touched,
        failed,
      ),
    async review() {
      reviewed = undefined;
      const next = loadOrProblems(sources);
      reviewed = "problems" in next ? undefined : liveChange(current, next.config);
      const review: ConfigReview = {
        changes: reviewed?.changes ?? [],
        refused: reviewed?.refused ?? [],
        problems: "problems" in next ? next.problems : [],
      };
      if (review.refused.length > 0 || review.problems.length > 0) refused(review);
      return review;
    },
    async adopt() {
      if (reviewed === undefined) return;
      const { config: next, changes } = reviewed;
      await apply(next, changes);
      current = next;
    },
  };
}

function loadOrProblems(
  sources: ConfigSources,
): { readonly config: Config } | { readonly problems: ConfigReview["problems"] } {
  try {
    return { config: loadConfig(sources) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.detail.problems };
    throw error;
  }
}
