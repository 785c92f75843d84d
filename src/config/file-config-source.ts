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

export interface FileConfigSource extends ConfigSource {
  /** What holds now. */
  current(): Config;
  /** Has everything read again, changed or not. */
  reread(): void;
}

/** The configuration of the file, environment and flags, and who is told when its live part changes. */
export function createFileConfigSource({
  sources,
  config,
  apply,
  refused,
}: FileConfigSourceOptions): FileConfigSource {
  let current = config;
  let reviewed: LiveChange | undefined;
  let watching: { readonly look: () => void; readonly touched: () => void } | undefined;
  const files = () => {
    const { authKeyFile, apiKeyFile } = current.headscale;
    return [sources.file, authKeyFile, apiKeyFile].filter((file) => file !== undefined);
  };
  return {
    current: () => current,
    // Without a watch nothing is lost: each begins with reading everything.
    reread: () => watching?.touched(),
    watch(touched, failed) {
      const { stop, look } = watchFiles(files, touched, failed);
      const own = { look, touched };
      watching = own;
      return () => {
        stop();
        if (watching === own) watching = undefined;
      };
    },
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
      // The keys may stand in other files now.
      watching?.look();
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
