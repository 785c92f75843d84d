import { describe, expect, it } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type { HeadcniEvent, HeadcniSettings } from "../../machines/headcni/headcni-events.ts";
import { headcniMachine } from "../../machines/headcni/headcni-machine.ts";
import { readinessMachine } from "../../machines/readiness/readiness-machine.ts";
import { noTailnet } from "../../src/domain/tailnet-phase.ts";
import { manualClock } from "../support/manual-clock.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const settings: HeadcniSettings = {
  ownPrefixes: ["10.244.1.0/24"],
  pods: { mtu: 1280, strategy: "sequential", restMs: 30_000, seed: 1 },
  routes: { supernets: ["10.244.0.0/16"], approval: "policy" },
  tailscale: {
    wanted: { controlUrl: "http://10.99.0.1:8080", hostname: "n1" },
    authKeyFrom: "credentials",
  },
  headscale: { authenticates: false, tags: ["tag:k8s-node"], hostnamePrefix: "", seed: "n1" },
  routeProof: "required",
  kubernetes: null,
};
const kubernetes: HeadcniSettings["kubernetes"] = {
  node: { seed: "n1", configured: [], supernets: ["10.244.0.0/16"] },
  podWatch: { seed: "n1", selective: false },
};
const failure = { code: "WORKER_DIED", message: "the kernel worker died" };
const online = { ...noTailnet, backendState: "Running" as const, self: { ...noTailnet.self, online: true } };

const events: readonly HeadcniEvent[] = [
  { type: "daemon.stop" },
  { type: "kernel.failed", failure },
  { type: "pods.recovered", count: 2 },
  { type: "pods.drained" },
  { type: "tailscale.entered" },
  { type: "tailscale.left" },
  { type: "cni.closed" },
  { type: "config.changed", changes: [{ path: "ipam.restSeconds", from: "30", to: "60" }] },
  { type: "readiness.published" },
  { type: "guard.held" },
  { type: "guard.repairing", invariants: ["node.rules"] } as unknown as HeadcniEvent,
  { type: "guard.fighting", invariants: ["node.rules"] } as unknown as HeadcniEvent,
  { type: "guard.failed", failure },
  { type: "tailscale.changed", status: online },
  { type: "tailscale.up" },
  { type: "tailscale.down", reason: "EXITED" },
  { type: "tailscale.loginWanted", forgotten: true, refusal: "invalid pre auth key" },
  { type: "tailscale.loginEnded" },
  { type: "routes.proven" },
  { type: "routes.unproven", reason: "10.244.1.0/24 is lost" },
  { type: "peers.refused", prefixes: ["10.244.9.0/24"] },
  { type: "nodes.changed", nodes: [{ name: "n2", podCidrs: ["10.244.2.0/24"], addresses: [] }] },
  { type: "nodes.departed", nodes: [{ name: "n2", podCidrs: ["10.244.2.0/24"], addresses: [] }] },
  { type: "node.podCIDRs", prefixes: ["10.244.1.0/24"] },
  { type: "node.waiting", reason: "no Node" },
  { type: "node.agreed", note: "" },
  { type: "node.conflicting", reason: "another pod CIDR" },
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
      outcomes: { recallProof: { done: [true, false] } },
      // With Kubernetes only learning differs; what else it brings is the same in every state.
      possible: ({ context, value }, { type }) =>
        (context.node !== null) === (value === "learning" || /^(node|attachments|call)\./.test(type)),
      stateKey: ({
        context: {
          ownPrefixes,
          recovered,
          guardTrouble,
          tailnetTrouble,
          loginTrouble,
          routeTrouble,
          controlled,
        },
      }) => [
        ownPrefixes.length,
        recovered,
        guardTrouble === "",
        tailnetTrouble === "",
        loginTrouble === "",
        routeTrouble === "",
        controlled,
      ],
    });
    expect(walked.paths).toBeGreaterThan(20);
  });

  const routeProof = (from: string, to: string): HeadcniEvent => ({
    type: "config.changed",
    changes: [{ path: "readiness.routeProof", from: `"${from}"`, to: `"${to}"` }],
  });

  it("publishes without the proof once the operator switches it off, whenever that is", async () => {
    for (const whileServing of [true, false]) {
      const { root, published, serve } = await startRoot({ recallProof: async () => false });
      if (!whileServing) root.send(routeProof("required", "off"));
      expect(published()).toBe(0);
      serve();
      if (whileServing) {
        expect(published()).toBe(0);
        root.send(routeProof("required", "off"));
      }
      await until(() => root.getSnapshot().context.provenOnce, "published");
      expect(published()).toBe(1);
      root.stop();
    }
  });

  it("awaits the proof again when the operator asks for it before pods are served", async () => {
    const { root, published, serve } = await startRoot({ recallProof: async () => false });
    root.send(routeProof("required", "off"));
    root.send(routeProof("off", "required"));
    serve();
    expect(root.getSnapshot().children["readiness"]?.getSnapshot()).toMatchObject({ value: "awaitingProof" });
    expect(published()).toBe(0);
    root.stop();
  });

  it("needs no readable state directory where the proof is switched off", async () => {
    const { root, published, serve } = await startRoot(
      { recallProof: () => Promise.reject(new Error("EIO")) },
      { ...settings, routeProof: "off" },
    );
    serve();
    await until(() => root.getSnapshot().context.provenOnce, "published");
    expect(published()).toBe(1);
    root.stop();
  });
});

/** A root without timers whose children fail at all they try, but for the readiness machine. */
async function startRoot(
  { recallProof }: { readonly recallProof: () => Promise<boolean> },
  given: HeadcniSettings = settings,
) {
  let conflists = 0;
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
      kernel: Object.assign(
        fromCallback<HeadcniEvent, undefined>(() => undefined),
        { neverDone: true as const },
      ),
      prepareNode: fromPromise<void, { readonly prefixes: readonly string[] }>(async () => undefined),
      recallProof: fromPromise<boolean, { readonly prefixes: readonly string[] }>(recallProof),
      readiness,
    },
  });
  const root = createActor(machine, { input: { settings: given }, clock: manualClock() }).start();
  await until(() => root.getSnapshot().matches({ live: "recovering" }), "live");
  const serve = () => {
    root.send({ type: "pods.recovered", count: 0 });
    root.send({ type: "guard.held" });
  };
  return { root, published: () => conflists, serve };
}
