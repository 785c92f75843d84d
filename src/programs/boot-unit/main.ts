import { parseArgs } from "node:util";
import { loadConfig } from "../../config/load-config.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { visible } from "../../protocol/visible-text.ts";
import { installBootUnit, removeBootUnit } from "./boot-unit.ts";

const usage = `headcni-boot-unit: has a node with systemd load HeadCNI's rules at boot, before its own tailscaled starts

  --install        puts headcni-guard.service on the node, with a copy of this image's programs in the state directory
  --remove         takes the unit away
  --config FILE    configuration (default /etc/headcni/config.yaml)
  --units DIR      the node's /etc/systemd/system, as it is mounted here`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      install: { type: "boolean", default: false },
      remove: { type: "boolean", default: false },
      config: { type: "string", default: "/etc/headcni/config.yaml" },
      units: { type: "string", default: "/host/etc/systemd/system" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { units, config: configFile } = values;
  if (values.help || values.install === values.remove) return console.log(usage);
  if (values.remove) return console.log(`headcni-boot-unit: ${await removeBootUnit(units)}`);
  const sources = { file: configFile, environment: process.env, flags: [] };
  const { nodeName, runtimeDir, stateDir } = loadConfig(sources, { credentials: "unread" });
  const options = { configFile, nodeName, runtimeDir, stateDir };
  const said = await installBootUnit(options, { image: "/", units, proc: "/proc" });
  console.log(visible(`headcni-boot-unit: ${said}`));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof HeadcniError ? visible(`headcni-boot-unit: ${error.message}`) : error);
  process.exitCode = 1;
}
