import { createActor, toPromise } from "xstate";
import { createKernelWatch } from "../../actors/kernel-watch.ts";
import { requireCapabilities } from "../../adapters/capabilities/capabilities.ts";
import { makePrivateFolders } from "../../adapters/files/private-folder.ts";
import { explainProblem } from "../../config/config-error.ts";
import type { Config } from "../../config/config-schema.ts";
import { createFileConfigSource } from "../../config/file-config-source.ts";
import { type ConfigSources, secretsOf } from "../../config/load-config.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { createLogRing } from "../../observe/logs/log-ring.ts";
import { createLogger } from "../../observe/logs/logger.ts";
import { withoutSecrets } from "../../observe/logs/without-secrets.ts";
import { daemonView } from "../../observe/machines/daemon-view.ts";
import { machineHealth } from "../../observe/machines/machine-health.ts";
import { createWireMachines } from "../../observe/machines/wire-machines.ts";
import { registerLiveMetrics } from "../../observe/metrics/live-metrics.ts";
import { openHttpServer } from "../../observe/pages/http-server.ts";
import { createMetricsPage } from "../../observe/pages/metrics-page.ts";
import { nodeStatus } from "../../observe/pages/node-status.ts";
import { policyTracePage } from "../../observe/pages/policy-trace-page.ts";
import { tracedPodNetwork } from "../../observe/trace/traced-pod-network.ts";
import { version } from "../../protocol/version.ts";
import { refuseOtherMode } from "../refuse-other-mode.ts";
import { machineSettings } from "../settings.ts";
import { openNodePorts } from "./node-ports.ts";
import { openObservers } from "./observers.ts";
import { provideMachines } from "./provide-machines.ts";

/** Runs the daemon until it is told to end (SIGTERM, SIGINT) or cannot go on. Gives the process's exit code. */
export async function runDaemon(
  config: Config,
  sources: ConfigSources,
  retired: readonly ConfigProblem[],
): Promise<number> {
  const logRing = createLogRing();
  const { log, setLevel, hide, redact } = createLogger({
    level: config.logging.level,
    base: { node: config.nodeName },
    copy: logRing.keep,
  });
  for (const secret of secretsOf(config)) hide(secret);
  log.info({ version, pid: process.pid, config: sources.file }, "daemon starting");
  for (const key of retired) log.warn(explainProblem(key));
  const { approval, url } = config.headscale;
  if (approval === "api" && url.startsWith("http:"))
    log.warn(
      { url },
      "an admin key of Headscale crosses the network unencrypted: use https, or approval: policy",
    );

  await requireCapabilities("headcni");
  const paths = runtimePaths(config);
  const kernelWatch = createKernelWatch();
  const configSource = createFileConfigSource({
    sources,
    config,
    apply: (next, changes) => {
      for (const secret of secretsOf(next)) hide(secret);
      setLevel(next.logging.level);
      log.info({ changes }, "configuration changed");
    },
    refused: ({ refused, problems }) =>
      log.warn({ refused, problems }, "the configuration file is partly not applied"),
  });
  // From here on: before the machines run the signal would end the process.
  process.on("SIGHUP", () => {
    log.info("SIGHUP: reading the configuration again");
    configSource.reread();
  });
  const ports = await openNodePorts(
    config,
    {
      failed: kernelWatch.failed,
      warned: (error) => log.warn({ err: error }, "non-fatal kernel or tailscaled error"),
      rejected: (where, failure) => log.warn({ where, failure }, "rejected a request that is no CNI request"),
      unreadable: (source) => log.warn({ source }, "skipped an unreadable Kubernetes object"),
    },
    configSource.current,
  );
  const wireRuns = await ports.wire.running().then(
    (process) => process !== undefined,
    () => false,
  );
  await refuseOtherMode(config, ports.owner, wireRuns);
  await makePrivateFolders(config.runtimeDir, config.stateDir);
  const observers = await openObservers(config, { log, redact, threads: { kernel: ports.kernelDevtools } });
  const traced = { ...ports, podNetwork: tracedPodNetwork(ports.podNetwork, observers.traces) };
  const { registry, machines, traces } = observers;
  const wire = createWireMachines(paths.wireHttpSocket);
  machines.registerRows(wire.rows);
  const metrics = async () => {
    await wire.refresh();
    return { contentType: registry.contentType, body: await registry.metrics() };
  };
  const machine = provideMachines(config, traced, {
    kernelWatch,
    configSource,
    metricsPage: createMetricsPage(metrics, config.network.podCIDR, config.monitoring.port),
    conflistPublished: ({ path, changed, shadowedBy }) => {
      if (changed) log.info({ path }, "conflist written");
      if (shadowedBy.length > 0)
        log.warn(
          { path, shadowedBy },
          "the container runtime uses another CNI configuration before HeadCNI's",
        );
    },
  });
  const root = createActor(machine, {
    id: "headcni",
    input: {
      settings: machineSettings(config, {
        provenPrefixes: await ports.proof.recall(),
        services: await ports.serviceMemory.recall(),
        believed: await ports.allowlist.recall(),
      }),
    },
    inspect: observers.inspect,
  });
  const startedAt = Date.now();
  const view = daemonView(root);
  registerLiveMetrics(registry, view);
  const http = await openHttpServer(
    {
      health: () => machineHealth(machines),
      readiness: view.readiness,
      metrics,
      machines: async () => {
        await wire.refresh();
        return { machines: machines.rows(), recentTransitions: machines.recentTransitions() };
      },
      pages: {
        "/debug/status": () => withoutSecrets(nodeStatus(root, view, config, startedAt), redact),
        "/debug/logs": () => logRing.page(),
        "/debug/trace": () => withoutSecrets({ calls: traces.calls() }, redact),
        "/debug/policy-trace": (url) => {
          const policy = root.getSnapshot().children.policy?.getSnapshot();
          return withoutSecrets(policyTracePage(policy, config.nodeName, url), redact);
        },
        "/debug/recording": observers.recording,
      },
    },
    {
      address: config.monitoring.address,
      port: config.monitoring.port,
      socketPath: paths.httpSocket,
      handler: observers.handler,
      commands: observers.commands,
    },
  );
  const stop = () => root.send({ type: "daemon.stop" });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  const ended = toPromise(root);
  root.start();
  const { failure } = await ended;
  if (failure !== null) log.fatal({ failure }, "daemon failed; the next start recovers from the kernel");
  else log.info("daemon ended; pods and tailscaled stay as they are");
  await observers.close();
  await http.close();
  await ports.close();
  return failure === null ? 0 : 1;
}
