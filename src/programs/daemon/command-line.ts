import { parseArgs } from "node:util";
import { HeadcniError } from "../../domain/failure.ts";

/** What the process was asked to do. */
export interface CommandLine {
  readonly action: "run" | "cleanup" | "withdraw" | "guard" | "install-plugin" | "help" | "version";
  /** What install-plugin puts into the CNI plugins' folder; empty for other actions. */
  readonly plugin: string;
  readonly configFile: string;
  /** Values of `--set path=value`, in order. */
  readonly overrides: readonly string[];
}

class CommandLineError extends HeadcniError<{ readonly code: "BAD_COMMAND_LINE" }> {}

export const usage = `headcni: the HeadCNI daemon

  --config FILE      configuration (default /etc/headcni/config.yaml)
  --set PATH=VALUE   overrides one key, for example --set logging.level=debug; may be repeated
  --install-plugin FILE
                     puts FILE into cni.binDir as the CNI plugin "headcni", in one step, and exits
  --cleanup          removes everything HeadCNI ever made on this node and exits; the daemon must not run
  --withdraw         the part of --cleanup that needs tailscaled, and exits: no new pods, no routes in Headscale
  --guard            loads what must stand before the node's own tailscaled starts (tailscale.mode: host), and exits
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
        withdraw: { type: "boolean", default: false },
        guard: { type: "boolean", default: false },
        "install-plugin": { type: "string", default: "" },
        help: { type: "boolean", short: "h", default: false },
        version: { type: "boolean", default: false },
      },
    });
    const plugin = values["install-plugin"];
    const switches = ["help", "version", "withdraw", "cleanup", "guard"] as const;
    return {
      action: switches.find((name) => values[name]) ?? (plugin === "" ? "run" : "install-plugin"),
      plugin,
      configFile: values.config,
      overrides: values.set,
    };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new CommandLineError(text, { code: "BAD_COMMAND_LINE" }, { cause: error });
  }
}
