import { parseArgs } from "node:util";
import { loadSourcedConfig } from "../../config/load-config.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { logStartFailure } from "../../observe/logs/start-failure.ts";
import { version } from "../../protocol/version.ts";
import { runController } from "./controller.ts";

const usage = `headcni-controller: approves the routes of the cluster's Nodes in Headscale, for nodes that hold no API key

  --config FILE        the daemons' configuration (default /etc/headcni/config.yaml); its credentials are not read
  --set PATH=VALUE     overrides one key; may be repeated
  --api-key-file FILE  API key of Headscale, read at each call
  --namespace NAME     where the Lease and the Secret are
  --lease NAME         of the Lease by which one of several controllers is elected
  --secret NAME        of the Secret that the daemons read their pre-auth key from: headcni-controller keeps it fresh
  --address ADDRESS    where /healthz and /metrics are served (default 127.0.0.1); the other pages stay on loopback
  --port PORT          of these pages (default 9798)
  --version, --help

Needs headscale.approval: controller and kubernetes.enabled: true. Exit codes: 0 ended on request, 1 failed while running, 2 command
line or configuration refused.`;

/** Exit code of a refused command line or configuration; 1 is a failure while running. */
const refused = 2;

class UsageError extends HeadcniError<{ readonly code: "USAGE" }> {}

function usageError(text: string): UsageError {
  return new UsageError(text, { code: "USAGE" });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: "string", default: "/etc/headcni/config.yaml" },
      set: { type: "string", multiple: true, default: [] },
      "api-key-file": { type: "string" },
      namespace: { type: "string" },
      lease: { type: "string", default: "headcni-controller" },
      secret: { type: "string" },
      address: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "9798" },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", default: false },
    },
  });
  if (values.help || values.version) {
    console.log(values.help ? usage : `headcni-controller ${version}`);
    return 0;
  }
  const needed = (name: "api-key-file" | "namespace" | "secret") => {
    const value = values[name];
    if (value === undefined || value === "") throw usageError(`--${name} must be given`);
    return value;
  };
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usageError(`--port: found "${values.port}", must be a whole number from 0 to 65535`);
  const places = {
    apiKeyFile: needed("api-key-file"),
    namespace: needed("namespace"),
    secretName: needed("secret"),
    leaseName: values.lease,
    address: values.address,
    port,
  };
  const { config, retired } = loadSourcedConfig(
    { file: values.config, environment: process.env, flags: values.set },
    { credentials: "unread" },
  );
  const { approval } = config.headscale;
  if (approval !== "controller")
    throw usageError(
      `headscale.approval: found "${approval}", must be "controller": else others approve as well`,
    );
  if (!config.kubernetes.enabled)
    throw usageError(
      "kubernetes.enabled: found false, must be true: the cluster's Nodes say what is approved",
    );
  return await runController(config, places, retired);
}

try {
  process.exitCode = await main();
} catch (error) {
  const code = error instanceof HeadcniError ? error.detail.code : (error as NodeJS.ErrnoException).code;
  logStartFailure("headcni-controller", error, []);
  const ours = code === "USAGE" || code === "CONFIG_INVALID" || code?.startsWith("ERR_PARSE_ARGS") === true;
  process.exit(ours ? refused : 1);
}
