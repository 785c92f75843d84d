import { mkdir } from "node:fs/promises";
import { createActor, type InspectionEvent, toPromise } from "xstate";
import { createKernelWatch } from "./actors/kernel-watch.ts";
import { requireCapabilities } from "./adapters/capabilities/capabilities.ts";
import type { Config } from "./config/config-schema.ts";
import { createFileConfigSource } from "./config/file-config-source.ts";
import type { ConfigSources } from "./config/load-config.ts";
import { type NodePorts, openNodePorts } from "./node-ports.ts";
import { daemonView } from "./observe/daemon-view.ts";
import { createEventMetrics } from "./observe/event-metrics.ts";
import { openHttpServer } from "./observe/http-server.ts";
import { openInspector } from "./observe/inspector/open-inspector.ts";
import { registerLiveMetrics } from "./observe/live-metrics.ts";
import { createLogRing } from "./observe/log-ring.ts";
import { createLogger } from "./observe/logger.ts";
import { machineHealth } from "./observe/machine-health.ts";
import { registerMachineMetrics } from "./observe/machine-metrics.ts";
import { createMachineObserver } from "./observe/machine-observer.ts";
import { createMetrics } from "./observe/metrics.ts";
import { nodeStatus } from "./observe/node-status.ts";
import { createCallExporter } from "./observe/otlp/call-exporter.ts";
import { registerExporterMetrics } from "./observe/otlp/exporter-metrics.ts";
import { createPprofPages, firstTaker } from "./observe/pprof/pprof-pages.ts";
import { createStatelyBridge } from "./observe/stately/stately-bridge.ts";
import { subjectOf } from "./observe/subject-of.ts";
import { createCallTraces } from "./observe/trace/call-traces.ts";
import { severalListeners } from "./observe/trace/several-listeners.ts";
import { tracedPodNetwork } from "./observe/trace/traced-pod-network.ts";
import { withoutSecrets } from "./observe/without-secrets.ts";
import { provideMachines } from "./provide-machines.ts";
import { runtimePaths } from "./runtime-paths.ts";
import { machineSettings } from "./settings.ts";
import { version } from "./version.ts";

/** Whether this node was proven with the pod CIDRs that it last had. */
async function provenBefore({ network }: Config, { proof, nodeMemory }: NodePorts): Promise<boolean> {
  const { nodePodCIDR } = network;
  return await proof.isProven(nodePodCIDR.length > 0 ? nodePodCIDR : await nodeMemory.recall());
}

/** Runs the daemon until it is told to end (SIGTERM, SIGINT) or cannot go on. Gives the process's exit code. */
export async function runDaemon(config: Config, sources: ConfigSources): Promise<number> {
  const logRing = createLogRing();
  const { log, setLevel, hide, redact } = createLogger({
    level: config.logging.level,
    base: { node: config.nodeName },
    copy: logRing.keep,
  });
  for (const secret of [config.headscale.authKey, config.headscale.apiKey])
    if (secret !== undefined) hide(secret.reveal());
  log.info({ version, pid: process.pid, config: sources.file }, "daemon starting");

  await requireCapabilities("headcni");
  const paths = runtimePaths(config);
  await mkdir(config.runtimeDir, { recursive: true, mode: 0o700 });
  const kernelWatch = createKernelWatch();
  const ports = await openNodePorts(config, {
    failed: kernelWatch.failed,
    warned: (error) => log.warn({ err: error }, "going on despite trouble"),
    rejected: (where, failure) => log.warn({ where, failure }, "refused what is no CNI request"),
    unreadable: (source) => log.warn({ source }, "left out a Kubernetes object that could not be read"),
  });
  const inspector = config.monitoring.inspector
    ? await openInspector({ node: config.nodeName, log, redact, live: () => observer.live() })
    : undefined;
  const { otlpEndpoint } = config.monitoring;
  const exporter =
    otlpEndpoint === undefined
      ? undefined
      : createCallExporter({
          endpoint: otlpEndpoint,
          node: config.nodeName,
          version,
          failed: (reason) =>
            log.warn({ otlpEndpoint, reason }, "the collector takes no traces, trying again"),
        });
  const traces = createCallTraces({ answered: exporter?.export });
  const observer = createMachineObserver({
    log,
    subjectOf,
    listener: severalListeners([traces.listener, inspector?.listener]),
  });
  const { statelyInspect } = config.monitoring;
  const bridge =
    statelyInspect === undefined
      ? undefined
      : createStatelyBridge({
          url: statelyInspect,
          live: () => observer.live(),
          redact,
          warn: (fields, text) => log.warn(fields, text),
        });
  const metrics = createMetrics();
  const countEvent = createEventMetrics(metrics, config.ipam.strategy);
  const traced = { ...ports, podNetwork: tracedPodNetwork(ports.podNetwork, traces) };
  const machine = provideMachines(config, traced, {
    kernelWatch,
    configSource: createFileConfigSource({
      sources,
      config,
      apply: (next) => setLevel(next.logging.level),
    }),
    conflistPublished: ({ path, changed, shadowedBy }) => {
      if (changed) log.info({ path }, "conflist written");
      if (shadowedBy.length > 0)
        log.warn({ path, shadowedBy }, "the container runtime takes another configuration before ours");
    },
  });
  const root = createActor(machine, {
    id: "headcni",
    input: { settings: { ...machineSettings(config), provenBefore: await provenBefore(config, ports) } },
    inspect: (event: InspectionEvent) => {
      // A call's trace is opened by the event that its first machine begins with.
      traces.inspect(event);
      observer.inspect(event);
      countEvent(event);
      inspector?.inspect(event);
      bridge?.inspect(event);
    },
  });
  const startedAt = Date.now();
  const view = daemonView(root);
  registerMachineMetrics(metrics.registry, observer);
  if (exporter !== undefined) registerExporterMetrics(metrics.registry, exporter);
  registerLiveMetrics(metrics.registry, view);
  const http = await openHttpServer(
    {
      health: () => machineHealth(observer),
      readiness: view.readiness,
      metrics: async () => ({
        contentType: metrics.registry.contentType,
        body: await metrics.registry.metrics(),
      }),
      machines: () => ({ machines: observer.rows(), recentTransitions: observer.recentTransitions() }),
      pages: {
        "/debug/status": () => withoutSecrets(nodeStatus(root, config, startedAt), redact),
        "/debug/logs": () => logRing.page(),
        "/debug/trace": () => withoutSecrets({ calls: traces.calls() }, redact),
      },
    },
    {
      ...config.monitoring,
      socketPath: paths.httpSocket,
      taker: firstTaker(inspector?.taker, createPprofPages()),
    },
  );
  const stop = () => root.send({ type: "daemon.stop" });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  const ended = toPromise(root);
  root.start();
  const { failure } = await ended;
  if (failure !== null) log.fatal({ failure }, "daemon failed; the next start recovers from the kernel");
  else log.info("daemon ended; pods and tailscaled stay as they are");
  inspector?.close();
  bridge?.close();
  await exporter?.close();
  await http.close();
  await ports.close();
  return failure === null ? 0 : 1;
}
