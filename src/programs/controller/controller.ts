import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { createActor, toPromise } from "xstate";
import { approvalsMachine } from "../../../machines/controller/approvals-machine.ts";
import { controllerMachine } from "../../../machines/controller/controller-machine.ts";
import { electionMachine } from "../../../machines/controller/election-machine.ts";
import { joinKeyMachine } from "../../../machines/controller/join-key-machine.ts";
import { nodeLedgerMachine } from "../../../machines/controller/node-ledger-machine.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import { approvalsActors, electionActors, joinKeyActors } from "../../actors/controller-actors.ts";
import { watchActors } from "../../actors/kubernetes/watch-actors.ts";
import { makePrivateFolders } from "../../adapters/files/private-folder.ts";
import { createHeadscaleAdmin } from "../../adapters/headscale/headscale-admin.ts";
import { createControllerCluster } from "../../adapters/kubernetes/controller-cluster.ts";
import { nodeConfigReader } from "../../adapters/kubernetes/kube-config.ts";
import { createKubernetes } from "../../adapters/kubernetes/kubernetes-client.ts";
import { explainProblem } from "../../config/config-error.ts";
import type { Config } from "../../config/config-schema.ts";
import { readSecretFile } from "../../config/read-credentials.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { createLogRing } from "../../observe/logs/log-ring.ts";
import { createLogger } from "../../observe/logs/logger.ts";
import { controllerView } from "../../observe/machines/controller-view.ts";
import { hearNews } from "../../observe/machines/hear-news.ts";
import { machineHealth } from "../../observe/machines/machine-health.ts";
import { openProgramObservers } from "../../observe/machines/program-observers.ts";
import { registerControllerMetrics } from "../../observe/metrics/controller-metrics.ts";
import { createRegistry } from "../../observe/metrics/metrics.ts";
import { createFailureMetrics } from "../../observe/metrics/news-metrics.ts";
import { openHttpServer } from "../../observe/pages/http-server.ts";
import { version } from "../../protocol/version.ts";

/** Where the controller finds its things, by the command line. */
export interface ControllerPlaces {
  readonly apiKeyFile: string;
  readonly namespace: string;
  readonly leaseName: string;
  readonly secretName: string;
  readonly address: string;
  readonly port: number;
}

/** Approves routes until SIGTERM or SIGINT, whenever it holds the Lease. Gives the process's exit code. */
export async function runController(
  config: Config,
  places: ControllerPlaces,
  retired: readonly ConfigProblem[],
): Promise<number> {
  const { nodeName, network, headscale, tailscale, kubernetes, monitoring } = config;
  const logRing = createLogRing();
  const { log, redact, hide } = createLogger({
    level: config.logging.level,
    base: { node: nodeName },
    copy: logRing.keep,
  });
  const self = `${hostname()}_${randomUUID()}`;
  log.info({ version, pid: process.pid, identity: self }, "headcni-controller starting");
  for (const key of retired) log.warn(explainProblem(key));
  if (headscale.url.startsWith("http:"))
    log.warn({ url: headscale.url }, "an admin key of Headscale crosses the network unencrypted: use https");
  await makePrivateFolders(config.runtimeDir);
  const admin = createHeadscaleAdmin({
    url: headscale.url,
    readApiKey: () => {
      const read = readSecretFile(places.apiKeyFile);
      if ("fault" in read) return { fault: `${places.apiKeyFile}: ${read.fault}` };
      hide(read.secret.reveal());
      return { key: read.secret.reveal() };
    },
  });
  const { namespace, leaseName, secretName } = places;
  const readConfig = nodeConfigReader(kubernetes.kubeconfig, process.env);
  const cluster = createControllerCluster({ readConfig, namespace, leaseName, secretName });
  const watched = createKubernetes({
    nodeName,
    kubeconfig: kubernetes.kubeconfig,
    environment: process.env,
    podSelector: "",
    rejected: (source) => log.warn({ source }, "skipped an unreadable Kubernetes object"),
  });
  const registry = createRegistry();
  const { inspector, statelyInspect } = monitoring;
  const observers = await openProgramObservers({
    ...{ node: nodeName, inspector, statelyInspect, registry, log, redact },
  });
  const { machines } = observers;
  const hear = hearNews(createFailureMetrics(registry));
  const watch = watchMachine.provide({ actors: watchActors(watched) });
  const root = createActor(
    controllerMachine.provide({
      actors: {
        election: electionMachine.provide({ actors: electionActors(cluster) }),
        nodeLedger: nodeLedgerMachine.provide({ actors: { watch } }),
        approvals: approvalsMachine.provide({ actors: approvalsActors(admin) }),
        joinKey: joinKeyMachine.provide({
          actors: joinKeyActors({ headscale: admin, cluster, tags: tailscale.tags }),
        }),
      },
    }),
    {
      id: "controller",
      input: { self, supernets: network.podCIDR, ownsMachines: tailscale.mode === "daemon" },
      inspect: (event) => {
        hear(event);
        observers.inspect(event);
      },
    },
  );
  const view = controllerView(root);
  registerControllerMetrics(registry, view);
  const http = await openHttpServer(
    {
      health: () => machineHealth(machines),
      metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
      machines: () => ({ machines: machines.rows(), recentTransitions: machines.recentTransitions() }),
      pages: {
        "/debug/approval": view.page,
        "/debug/logs": () => logRing.page(),
        "/debug/recording": observers.recording,
      },
    },
    {
      address: places.address,
      port: places.port,
      socketPath: runtimePaths(config).httpSocket,
      handler: observers.handler,
      commands: observers.commands,
    },
  );
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => root.send({ type: "controller.stop" }));
  const ended = toPromise(root);
  root.start();
  const { failure } = await ended;
  if (failure !== null) log.fatal({ failure }, "headcni-controller failed; the next start looks anew");
  else log.info("headcni-controller ended; what is approved stays so");
  observers.close();
  await http.close();
  await Promise.all([admin.close(), cluster.close(), watched.close()]);
  return failure === null ? 0 : 1;
}
