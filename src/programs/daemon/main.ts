import { loadSourcedConfig, secretsOf } from "../../config/load-config.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { logStartFailure } from "../../observe/logs/start-failure.ts";
import { version } from "../../protocol/version.ts";
import { visible } from "../../protocol/visible-text.ts";
import { cleanUp } from "./cleanup.ts";
import { readCommandLine, usage } from "./command-line.ts";
import { runDaemon } from "./daemon.ts";
import { guardBoot } from "./guard-boot.ts";
import { installCniPlugin } from "./install-plugin.ts";

/** Exit code of a refused command line or configuration; 1 is a failure while running. */
const refused = 2;

/** What a failure is told with. People read those of one that ends by itself, a log those of the daemon. */
const telling: { forPeople: boolean; secrets: readonly string[] } = { forPeople: false, secrets: [] };

async function main(): Promise<number> {
  const { action, configFile, overrides, plugin } = readCommandLine(process.argv.slice(2));
  if (action === "help" || action === "version") {
    console.log(action === "help" ? usage : `headcni ${version}`);
    return 0;
  }
  telling.forPeople = action !== "run";
  const sources = { file: configFile, environment: process.env, flags: overrides };
  // Where only the plugin or the guard is installed no key is needed, and the chart's init container sees none.
  const credentials = action === "install-plugin" || action === "guard" ? "unread" : "read";
  const { config, retired } = loadSourcedConfig(sources, { credentials });
  telling.secrets = secretsOf(config);
  if (action === "install-plugin") return installCniPlugin(config, plugin);
  if (action === "guard") return guardBoot(config);
  if (action === "run") return runDaemon(config, sources, retired);
  return cleanUp(config, action === "withdraw");
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!telling.forPeople) logStartFailure("headcni", error, telling.secrets);
  // What we throw on purpose explains itself; a stack would only bury it.
  else console.error(error instanceof HeadcniError ? visible(`headcni: ${error.message}`) : error);
  // Not only the exit code: what was opened before (the kernel's worker, sockets, machines) would keep the process alive.
  process.exit(
    error instanceof HeadcniError && ["CONFIG_INVALID", "BAD_COMMAND_LINE"].includes(error.detail.code)
      ? refused
      : 1,
  );
}
