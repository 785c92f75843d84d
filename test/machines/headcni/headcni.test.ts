import { describe, expect, it } from "vitest";
import { type AnyActorRef, createActor, fromCallback, fromPromise } from "xstate";
import type { HeadcniEvent, HeadcniSettings } from "../../../machines/headcni/headcni-events.ts";
import { headcniMachine } from "../../../machines/headcni/headcni-machine.ts";
import { levelOf } from "../../../machines/health/health-setup.ts";
import type { PodAnswer, Recovered } from "../../../machines/pods/pods-events.ts";
import { podsMachine } from "../../../machines/pods/pods-machine.ts";
import { readinessMachine } from "../../../machines/readiness/readiness-machine.ts";
import { ownNode } from "../../support/cluster-node.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { kubernetes, settings } from "../../support/headcni-settings.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const own = ownNode("n1", []);
const failure = { code: "WORKER_DIED", message: "the kernel worker died" };

const events: readonly HeadcniEvent[] = [
  { type: "daemon.stop" },
  { type: "kernel.failed", failure },
  { type: "pods.recovered", count: 2 },
  { type: "pods.drained" },
  { type: "cni.closed" },
  { type: "config.changed", changes: [{ path: "ipam.restSeconds", from: "30", to: "60" }] },
  { type: "allowlist.inForce" },
  { type: "guard.held" },
  { type: "guard.repairing", invariants: ["node.rules"] } as unknown as HeadcniEvent,
  { type: "guard.fighting", invariants: ["node.rules"] } as unknown as HeadcniEvent,
  { type: "guard.failed", failure },
  { type: "nodes.changed", bindings: [{ prefix: "10.244.2.0/24", nodeId: "2", node: "n2", uid: "u2" }] },
  { type: "services.changed", prefixes: ["10.97.0.0/24"] },
  { type: "node.podCIDRs", prefixes: ["10.244.1.0/24"] },
  { type: "node.moved", prefixes: ["10.244.7.0/24"] },
  { type: "attachments.changed", added: [], removed: [], count: 1 },
  {
    type: "call.refused",
    command: "ADD",
    pod: { namespace: "default", name: "web", uid: "u" },
    failure: { code: 11, msg: "", details: "" },
  },
];

describe("the root", () => {
  it("takes every transition", async () => {
    const walked = await walkAllTransitions(headcniMachine, {
      input: { settings },
      moreInputs: [{ settings: { ...settings, ownPrefixes: [], kubernetes } }],
      events,
      // With Kubernetes only learning differs; what else it brings is the same in every state.
      possible: ({ context, value }, { type }) =>
        (context.node !== null) === (value === "learning" || /^(node|attachments|call)\./.test(type)),
      stateKey: ({ context: { ownPrefixes, recovered, guarded } }) => [
        ownPrefixes.length,
        recovered,
        guarded,
      ],
    });
    expect(walked.paths).toBeGreaterThan(20);
  });

  it("publishes without the proof once the operator switches it off, whenever that is", async () => {
    for (const whileServing of [true, false]) {
      const { root, published, serve, readiness } = await startRoot();
      const off = () =>
        root.send({
          type: "config.changed",
          changes: [{ path: "readiness.routeProof", from: '"required"', to: '"off"' }],
        });
      if (!whileServing) off();
      serve();
      if (whileServing) {
        expect(readiness()).toBe("awaitingProof");
        off();
      }
      await until(() => readiness() === "published", "published");
      expect(published()).toBe(1);
      root.stop();
    }
  });

  it("offers credentials to those that use them once they changed, and not with any other change", async () => {
    const { root, offered } = await startRoot();
    const change = (...paths: readonly string[]) =>
      root.send({ type: "config.changed", changes: paths.map((path) => ({ path, from: "", to: "" })) });
    change("logging.level");
    expect(offered).toEqual([]);
    change("headscale.authKey", "headscale.authKeyFile", "logging.level");
    expect(offered).toEqual(["headscale", "tailscaled"]);
    root.stop();
  });

  it("serves pods once the kernel is read and the guard holds, not before", async () => {
    const { root, level } = await startRoot({ recovers: false });
    root.send({ type: "pods.recovered", count: 0 });
    root.send({ type: "guard.held" });
    root.send({ type: "guard.repairing", invariants: ["node.ownRule"] });
    expect(root.getSnapshot().value).toEqual("live");
    expect(level().condition.reason).not.toBe("HeadcniStarting");
    root.stop();
    const guarded = await startRoot({ recovers: false });
    guarded.root.send({ type: "guard.held" });
    guarded.root.send({ type: "guard.repairing", invariants: ["node.ownRule"] });
    guarded.root.send({ type: "pods.recovered", count: 0 });
    expect(guarded.root.getSnapshot().value).toEqual("starting");
    expect(guarded.level()).toMatchObject({
      readiness: { serving: false },
      condition: { reason: "HeadcniStarting" },
    });
    guarded.root.send({ type: "guard.held" });
    expect(guarded.root.getSnapshot().value).toEqual("live");
    guarded.root.stop();
  });

  it("answers STATUS with yes from the proof on, and not before", async () => {
    const { root, serve, status, readiness } = await startRoot();
    expect(status()).toEqual({ ready: false, reason: "this node's route has not been proven yet" });
    serve();
    expect(status().ready).toBe(false);
    const { health } = root.getSnapshot().context;
    health.send({ type: "tailscale.up" });
    health.send({ type: "routes.proven" });
    await until(() => readiness() === "published", "published");
    expect(status().ready).toBe(true);
    root.stop();
  });

  it("refuses ADD for as long as the Node has other pod CIDRs than the pods here", async () => {
    const { root, serve, add, level } = await startRoot({ kubernetes: { ...kubernetes, policy: null } });
    const { node } = root.getSnapshot().context;
    const heard = (podCidr: string) =>
      node?.send({
        type: "watch.listed",
        source: "ownNode",
        items: [{ ...own, podCidrs: [podCidr] }],
        cursor: "",
      });
    await until(() => {
      heard("10.244.1.0/24");
      return root.getSnapshot().value === "starting";
    }, "known");
    serve();
    node?.send({ type: "attachments.changed", added: [], removed: [], count: 1 });
    heard("10.244.7.0/24");
    const refusal = await add("c1");
    expect(refusal).toMatchObject({ code: 11, msg: expect.stringContaining("pod CIDR is 10.244.7.0/24") });
    expect(level().condition).toMatchObject({ reason: "PodCIDRConflict" });
    heard("10.244.1.0/24");
    expect((await add("c2")).msg).not.toBe(refusal.msg);
    expect(level().condition).not.toMatchObject({ reason: "PodCIDRConflict" });
    root.stop();
  });
});

type Children = Readonly<Record<string, AnyActorRef | undefined>>;

/** A root without timers whose children fail at all they try, but for the readiness machine and the look at the pods that run. */
async function startRoot({
  recovers = true,
  ...given
}: Partial<HeadcniSettings> & { readonly recovers?: boolean } = {}) {
  let conflists = 0;
  const offered: string[] = [];
  const pods = podsMachine.provide({
    actors: {
      recover: fromPromise<Recovered, { routerAddresses: readonly string[] }>(async () => {
        if (!recovers) throw new Error("the kernel does not answer");
        return { attachments: [], hints: [] };
      }),
    },
  });
  const readiness = readinessMachine.provide({
    actors: {
      recordProof: fromPromise<void, { readonly podCidrs: readonly string[] }>(async () => undefined),
      publishConflist: fromPromise<void, void>(async () => {
        conflists += 1;
      }),
    },
  });
  const machine = headcniMachine.provide({
    actors: {
      kernel: fromCallback<HeadcniEvent, undefined>(() => undefined),
      pods,
      readiness,
    },
  });
  const root = createActor(machine, {
    input: { settings: { ...settings, ...given } },
    clock: manualClock(),
    inspect: (inspected) => {
      if (inspected.type === "@xstate.event" && inspected.event.type === "credentials.replaced")
        offered.push((inspected.actorRef as AnyActorRef).id);
    },
  }).start();
  if (given.kubernetes === undefined) await until(() => root.getSnapshot().matches("starting"), "the start");
  const contextOf = (child: string) =>
    (root.getSnapshot().children as Children)[child]?.getSnapshot().context;
  return {
    root,
    published: () => conflists,
    /** Who was told of other credentials. */
    offered,
    serve: () => {
      root.send({ type: "pods.recovered", count: 0 });
      root.send({ type: "guard.held" });
    },
    readiness: () => (root.getSnapshot().children as Children)["readiness"]?.getSnapshot().value,
    status: () => contextOf("cni").readiness,
    add: async (id: string) => {
      const replies = recorder<PodAnswer>();
      const { pods } = root.getSnapshot().context;
      pods.send({
        type: "pod.attachWanted",
        request: cniRequest("ADD", id),
        requestId: id,
        replyTo: replies.ref,
        atMs: 0,
      });
      await until(() => replies.events.length > 0, "an answer");
      const [reply] = replies.events;
      if (reply?.type !== "pod.failed") throw new Error(`${reply?.type} instead of a refusal`);
      return reply.failure;
    },
    level: () => levelOf((root.getSnapshot().children as Children)["health"]?.getSnapshot()),
  };
}
