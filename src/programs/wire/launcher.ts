import { createActor, toPromise } from "xstate";
import { wireMachine } from "../../../machines/wire/wire-machine.ts";
import { wireActors } from "../../actors/tailnet/wire-actors.ts";
import { makePrivateFolders } from "../../adapters/files/private-folder.ts";
import { holdsOurs } from "../../adapters/state-files/owner-records-file.ts";
import { tailscaledSocket } from "../../adapters/tailscale/tailscaled-command.ts";
import { createAllowlistHost } from "../../adapters/wire/allowlist-host.ts";
import { underlayEndpoints } from "../../adapters/wire/underlay-endpoints.ts";
import { createWireHost } from "../../adapters/wire/wire-host.ts";
import { explainProblem } from "../../config/config-error.ts";
import type { Config } from "../../config/config-schema.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { allowlistTable } from "../../domain/nftables/nft-allowlist-table.ts";
import { createLogRing } from "../../observe/logs/log-ring.ts";
import { createLogger } from "../../observe/logs/logger.ts";
import { hearNews } from "../../observe/machines/hear-news.ts";
import { machineHealth } from "../../observe/machines/machine-health.ts";
import { openProgramObservers } from "../../observe/machines/program-observers.ts";
import { createRegistry } from "../../observe/metrics/metrics.ts";
import { createFailureMetrics } from "../../observe/metrics/news-metrics.ts";
import { openHttpServer } from "../../observe/pages/http-server.ts";
import { version } from "../../protocol/version.ts";
import { refuseNewer } from "../refuse-newer.ts";
import { refuseOtherMode } from "../refuse-other-mode.ts";
import { tailscaledOptions } from "../settings.ts";

/** Holds the tailnet namespace and runs tailscaled in it until SIGTERM or SIGINT. Gives the process's exit code. */
export async function runLauncher(config: Config, retired: readonly ConfigProblem[]): Promise<number> {
  const { nodeName, network, tailscale, monitoring } = config;
  const logRing = createLogRing();
  const { log, redact } = createLogger({
    level: config.logging.level,
    base: { node: nodeName },
    copy: logRing.keep,
  });
  log.info({ version, pid: process.pid }, "headcni-wire starting");
  for (const key of retired) log.warn(explainProblem(key));
  // Pods' links are none of its business.
  await refuseNewer(config.stateDir, []);
  await refuseOtherMode(config, { holdsOurs: () => holdsOurs(runtimePaths(config).ownerProfiles) }, false);
  await makePrivateFolders(config.runtimeDir, config.stateDir);
  const options = tailscaledOptions(config);
  const staticEndpoints = await underlayEndpoints(options.staticEndpoints, network.podCIDR);
  const host = createWireHost(
    { ...options, staticEndpoints, warned: (error) => log.warn({ err: error }, "tailscaled may not work") },
    { linkPrefixes: tailscale.linkCIDR, supernets: network.podCIDR, tunnel: { mtu: network.mtu } },
  );
  const allowlist = createAllowlistHost(
    { list: runtimePaths(config).nodeList, socket: tailscaledSocket(config.runtimeDir) },
    ({ prefixes }) =>
      allowlistTable({ supernets: network.podCIDR, tunnel: tailscale.interfaceName }, prefixes),
  );
  const registry = createRegistry();
  const { inspector, statelyInspect } = monitoring;
  const observers = await openProgramObservers({
    node: nodeName,
    inspector,
    statelyInspect,
    registry,
    log,
    redact,
  });
  const { machines } = observers;
  const hear = hearNews(createFailureMetrics(registry));
  const root = createActor(
    wireMachine.provide({
      actors: wireActors(host, allowlist, (failure) => log.warn({ failure }, "tailscaled ended")),
    }),
    {
      id: "wire",
      input: { seed: nodeName, guarded: config.kubernetes.enabled },
      inspect: (event) => {
        hear(event);
        observers.inspect(event);
      },
    },
  );
  // Its default would end the node's tailnet.
  process.on("SIGHUP", () =>
    log.warn("SIGHUP: nothing is read again; restart headcni-wire in a maintenance window"),
  );
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => root.send({ type: "wire.stop" }));
  const http = await openHttpServer(
    {
      health: () => machineHealth(machines),
      metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
      machines: () => ({ machines: machines.rows(), recentTransitions: machines.recentTransitions() }),
      pages: { "/debug/logs": () => logRing.page(), "/debug/recording": observers.recording },
    },
    {
      socketPath: runtimePaths(config).wireHttpSocket,
      handler: observers.handler,
      commands: observers.commands,
    },
    // The tailnet matters more than being watched.
  ).catch((error: unknown) => log.error({ err: error }, "headcni-wire serves no pages"));
  const ended = toPromise(root);
  root.start();
  await ended;
  observers.close();
  await http?.close();
  allowlist.close();
  log.info("headcni-wire ended, tailscaled and the tailnet namespace with it");
  return 0;
}
