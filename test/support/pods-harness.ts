import { createActor, type InspectionEvent } from "xstate";
import { podMachine } from "../../machines/pod/pod-machine.ts";
import type { PodAnswer, PodsInput, PodsReport, PodsSettings } from "../../machines/pods/pods-events.ts";
import { podsMachine } from "../../machines/pods/pods-machine.ts";
import { usedSlots } from "../../machines/support/slots.ts";
import { podActors, podsActors } from "../../src/actors/pod-actors.ts";
import type { AddressHints } from "../../src/ports/address-hints.ts";
import type { CniRequest } from "../../src/protocol/cni-protocol.ts";
import { fakePodNetwork } from "./kernel/fake-pod-network.ts";
import { recorder } from "./machines/recorder.ts";
import { until } from "./until.ts";

export const podsSettings: PodsSettings = {
  mtu: 1280,
  strategy: "sequential",
  restMs: 30_000,
  seed: 1,
};

const wants = { ADD: "pod.attachWanted", DEL: "pod.detachWanted", CHECK: "pod.checkWanted" } as const;

/** Hints that nobody keeps. */
const noHints: AddressHints = { read: async () => [], write: async () => undefined };

/** A running registry of pods over a fake kernel, and calls to it as a client would make them. */
export function startPods(
  kernel: ReturnType<typeof fakePodNetwork>,
  {
    prefixes = ["10.244.1.0/24"],
    inspect,
    ...settings
  }: Partial<PodsSettings> & {
    readonly prefixes?: readonly string[];
    readonly inspect?: ((event: InspectionEvent) => void) | undefined;
  } = {},
  addressHints = noHints,
  policy: PodsInput["policy"] = null,
) {
  const root = recorder<PodsReport>();
  const { links, ...effects } = podsActors(kernel.port, addressHints);
  const machine = podsMachine.provide({
    actors: {
      ...effects,
      links: links.provide({ delays: { gather: 1 } }),
      pod: podMachine.provide({ actors: podActors(kernel.port, Date.now) }),
    },
  });
  const pods = createActor(machine, {
    input: { settings: { ...podsSettings, ...settings }, policy, parent: root.ref },
    ...(inspect && { inspect }),
  });
  pods.start();
  let calls = 0;
  const call = (request: CniRequest) => {
    calls += 1;
    const requestId = `call-${calls}`;
    const client = recorder<PodAnswer>();
    const kind = request.command;
    if (kind === "STATUS") pods.send({ type: "pods.statusWanted", requestId, replyTo: client.ref });
    else if (kind === "GC") {
      const { network, validAttachments: valid = [] } = request;
      pods.send({
        type: "pods.collectWanted",
        requestId,
        network,
        valid,
        replyTo: client.ref,
        atMs: Date.now(),
      });
    } else pods.send({ type: wants[kind], request, requestId, replyTo: client.ref, atMs: Date.now() });
    return {
      requestId,
      answers: client.events,
      answer: () => until(() => client.events[0], `an answer to ${kind} of ${request.containerId}`),
    };
  };
  return {
    pods,
    root,
    call,
    /** What the registry still holds: everything must come back to nothing. */
    counts: () => {
      const { context, children } = pods.getSnapshot();
      return {
        rows: usedSlots(context.slots),
        slots: context.slots.length,
        children: Object.keys(children).filter((id) => id.startsWith("pod:")).length,
        used: context.pools.reduce((sum, pool) => sum + pool.used.length, 0),
        waiting: context.held.length + context.collections.length,
      };
    },
    async open() {
      pods.send({ type: "pods.recover", prefixes });
      pods.send({ type: "pods.open" });
      await until(() => pods.getSnapshot().matches("ready"), "the registry to be ready");
    },
  };
}

/** A registry that has recovered and serves everything. */
export async function openPods(settings: Parameters<typeof startPods>[1] = {}, kernel = fakePodNetwork()) {
  const harness = startPods(kernel, settings);
  await harness.open();
  return { ...harness, kernel };
}
