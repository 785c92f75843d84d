import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { ConfigChange, ConfigReview } from "../domain/config-change.ts";
import type { ConfigSource } from "../ports/config-source.ts";
import type { Config } from "./config-schema.ts";
import { type LiveChange, liveChange } from "./live-change.ts";
import { type ConfigSources, examineConfig } from "./load-config.ts";
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
  // As the configuration names them that was read last, also where it is refused because one is not there yet.
  let keyFiles: readonly unknown[] = [config.headscale.authKeyFile, config.headscale.apiKeyFile];
  const files = () => {
    const named = keyFiles.filter((file) => typeof file === "string").map(firstMissing);
    return sources.file === undefined ? named : [sources.file, ...named];
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
      const { config: next, problems, get } = examineConfig(sources);
      reviewed = next && liveChange(current, next);
      keyFiles = [get("headscale.authKeyFile"), get("headscale.apiKeyFile")];
      watching?.look();
      const review: ConfigReview = {
        changes: reviewed?.changes ?? [],
        refused: reviewed?.refused ?? [],
        problems,
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

/** The file, or the first directory of its path that is not there: its coming can be watched. */
function firstMissing(file: string): string {
  const directory = dirname(file);
  return existsSync(directory) ? file : firstMissing(directory);
}
