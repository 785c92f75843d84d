import { mkdir } from "node:fs/promises";
import { createActor, toPromise } from "xstate";
import { wireMachine } from "../../machines/wire/wire-machine.ts";
import { wireActors } from "../actors/wire-actors.ts";
import { createWireHost } from "../adapters/wire/wire-host.ts";
import type { Config } from "../config/config-schema.ts";
import { createLogger } from "../observe/logger.ts";
import { createMachineObserver } from "../observe/machine-observer.ts";
import { tailscaledOptions } from "../settings.ts";
import { version } from "../version.ts";

/** Holds X and runs tailscaled in it until SIGTERM or SIGINT. Gives the process's exit code. */
export async function runLauncher(config: Config): Promise<number> {
  const { nodeName, network, tailscale, runtimeDir } = config;
  const { log } = createLogger({ level: config.logging.level, base: { node: nodeName } });
  log.info({ version, pid: process.pid }, "headcni-wire starting");
  await mkdir(runtimeDir, { recursive: true, mode: 0o700 });
  const host = createWireHost(
    { ...tailscaledOptions(config), warned: (error) => log.warn({ err: error }, "tailscaled may not work") },
    { linkPrefix: tailscale.linkCIDR, supernets: network.podCIDR },
  );
  const observer = createMachineObserver({ log });
  const root = createActor(
    wireMachine.provide({
      actors: wireActors(host, (failure) => log.warn({ failure }, "tailscaled ended")),
    }),
    { id: "wire", input: { seed: nodeName }, inspect: observer.inspect },
  );
  // Its default would end the node's tailnet.
  process.on("SIGHUP", () =>
    log.warn("SIGHUP: nothing is read again; restart headcni-wire in a maintenance window"),
  );
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => root.send({ type: "wire.stop" }));
  const ended = toPromise(root);
  root.start();
  await ended;
  log.info("headcni-wire ended, tailscaled and the tailnet namespace with it");
  return 0;
}
