import { parseArgs } from "node:util";
import { requireCapabilities } from "../../adapters/capabilities/capabilities.ts";
import { loadSourcedConfig } from "../../config/load-config.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { logStartFailure } from "../../observe/logs/start-failure.ts";
import { version } from "../../protocol/version.ts";
import { runLauncher } from "./launcher.ts";

const usage = `headcni-wire: makes the tailnet namespace and runs tailscaled in it, for the daemon beside it

  --config FILE      the daemon's configuration (default /etc/headcni/config.yaml); its credentials are not read
  --set PATH=VALUE   overrides one key; may be repeated
  --version, --help

Needs the capabilities NET_ADMIN, NET_RAW and SYS_ADMIN and the device /dev/net/tun. SIGTERM ends tailscaled and with it the
node's tailnet. Exit codes: 0 ended on request, 1 failed while running, 2 command line or configuration refused.`;

/** Exit code of a refused command line or configuration; 1 is a failure while running. */
const refused = 2;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: "string", default: "/etc/headcni/config.yaml" },
      set: { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", default: false },
    },
  });
  if (values.help || values.version) {
    console.log(values.help ? usage : `headcni-wire ${version}`);
    return 0;
  }
  const { config, retired } = loadSourcedConfig(
    { file: values.config, environment: process.env, flags: values.set },
    { credentials: "unread" },
  );
  await requireCapabilities("headcni-wire");
  return await runLauncher(config, retired);
}

try {
  process.exitCode = await main();
} catch (error) {
  const code = error instanceof HeadcniError ? error.detail.code : (error as NodeJS.ErrnoException).code;
  logStartFailure("headcni-wire", error, []);
  // Not only the exit code: a machine that failed leaves the tailscaled that it ran, which ends with this process.
  process.exit(code === "CONFIG_INVALID" || code?.startsWith("ERR_PARSE_ARGS") === true ? refused : 1);
}
