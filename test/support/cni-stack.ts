import { join } from "node:path";
import { createActor } from "xstate";
import type { CniFact, CniReport } from "../../machines/cni/cni-events.ts";
import { cniMachine } from "../../machines/cni/cni-machine.ts";
import { cniActors } from "../../src/actors/cni-socket-actor.ts";
import { createCniExchanges } from "../../src/adapters/unix-socket/cni-exchanges.ts";
import type { fakePodNetwork } from "./kernel/fake-pod-network.ts";
import { recorder } from "./machines/recorder.ts";
import { startPods } from "./pods-harness.ts";
import { until } from "./until.ts";

/** The whole way of a CNI call over a real socket: cni, request, pods and pod machines, with a fake kernel behind them. */
export async function startCniStack(
  runtimeDir: string,
  kernel: ReturnType<typeof fakePodNetwork>,
  settings: Parameters<typeof startPods>[1] = {},
) {
  const harness = startPods(kernel, settings);
  const root = recorder<CniFact | CniReport>();
  const exchanges = createCniExchanges({ runtimeDir, rejected: () => undefined });
  const machine = cniMachine.provide({ actors: cniActors(exchanges, Date.now) });
  const { inspect } = settings;
  const cni = createActor(machine, {
    input: { pods: harness.pods, health: root.ref, parent: root.ref },
    ...(inspect && { inspect }),
  });
  cni.start();
  await until(() => root.types().includes("cni.serving"), "the socket to listen");
  return {
    ...harness,
    cni,
    reports: root,
    path: join(runtimeDir, "cni.sock"),
    /** Calls that run, by the machines' own count. */
    running: () => cni.getSnapshot().context.slots.filter((slot) => slot !== null).length,
  };
}
