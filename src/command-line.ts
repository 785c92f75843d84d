import { parseArgs } from "node:util";
import { HeadcniError } from "./domain/failure.ts";

/** What the process was asked to do. */
export interface CommandLine {
  readonly action: "run" | "cleanup" | "help" | "version";
  readonly configFile: string;
  /** Values of `--set path=value`, in order. */
  readonly overrides: readonly string[];
}

class CommandLineError extends HeadcniError<{ readonly code: "BAD_COMMAND_LINE" }> {}

export const usage = `headcni: the HeadCNI daemon

  --config FILE      configuration (default /etc/headcni/config.yaml)
  --set PATH=VALUE   overrides one key, for example --set logging.level=debug; may be repeated
  --cleanup          removes everything HeadCNI ever made on this node and exits; the daemon must not run
  --version, --help

Environment: HEADCNI_<SECTION>_<KEY> overrides the file, for example HEADCNI_NETWORK_MTU=1280.
Exit codes: 0 ended on request, 1 failed while running, 2 command line or configuration refused.`;

/** Throws CommandLineError that names the word it does not know. */
export function readCommandLine(words: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        config: { type: "string", default: "/etc/headcni/config.yaml" },
        set: { type: "string", multiple: true, default: [] },
        cleanup: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        version: { type: "boolean", default: false },
      },
    });
    return {
      action: values.help ? "help" : values.version ? "version" : values.cleanup ? "cleanup" : "run",
      configFile: values.config,
      overrides: values.set,
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new CommandLineError(text, { code: "BAD_COMMAND_LINE" }, { cause: error });
  }
}
