import { describe, expect, it } from "vitest";
import type { HeadcniEvent, HeadcniSettings } from "../../../machines/headcni/headcni-events.ts";
import { headcniMachine } from "../../../machines/headcni/headcni-machine.ts";
import { kubernetes, settings } from "../../support/headcni-settings.ts";
import { drive } from "../../support/machines/drive.ts";

const prefixes = ["10.244.1.0/24"];
const failure = { code: "WORKER_DIED", message: "the kernel worker died" };
const counted = { emit: "failure.occurred", failure };
const network = (node: string | null, services: readonly string[] = []) => [
  {
    start: "guard",
    input: { ownPrefixes: prefixes, services, health: "<health>", parent: "<headcni>" },
  },
  {
    start: "routes",
    input: {
      ...settings.routes,
      own: prefixes,
      bound: null,
      headscale: "<headscale>",
      health: "<health>",
    },
  },
  {
    start: "tailscaled",
    input: {
      wanted: { ...settings.tailscale.wanted, advertiseRoutes: prefixes },
      authKeyFrom: "credentials",
      headscale: "<headscale>",
      health: "<health>",
      guard: "<guard>",
      routes: "<routes>",
      node,
    },
  },
];
const begun = [
  { to: "pods", type: "pods.recover", prefixes },
  { to: "readiness", type: "readiness.begun", prefixes },
];
const opened = [
  { to: "pods", type: "pods.open" },
  { to: "readiness", type: "readiness.serving" },
  { to: "health", type: "service.opened" },
];
const drained = [
  { to: "pods", type: "pods.drain" },
  { to: "health", type: "service.closed" },
];

/** What starts with every daemon, in this order. */
function children({ ownNode }: { readonly ownNode: boolean }) {
  return [
    { start: "health", input: { authKeyFrom: "credentials", kubernetes: ownNode, provenBefore: false } },
    ...(ownNode ? [{ start: "policy", input: kubernetes.policy }] : []),
    {
      start: "pods",
      input: { settings: settings.pods, policy: ownNode ? "<policy>" : null, parent: "<headcni>" },
    },
    { start: "cni", input: { pods: "<pods>", health: "<health>", parent: "<headcni>" } },
    { start: "config", input: { parent: "<headcni>" } },
    { start: "headscale", input: settings.headscale },
    ...(ownNode
      ? [
          {
            start: "clusterNodes",
            input: { seed: kubernetes.node.seed, headscale: "<headscale>", parent: "<headcni>" },
          },
          { start: "serviceCidrs", input: { ...kubernetes.serviceCidrs, parent: "<headcni>" } },
          { start: "serviceProxy", input: { health: "<health>" } },
          {
            start: "ownNode",
            input: { ...kubernetes.node, health: "<health>", pods: "<pods>", parent: "<headcni>" },
          },
          { start: "podWatch", input: { ...kubernetes.podWatch, pods: "<pods>" } },
        ]
      : []),
    { start: "readiness", input: { ...settings.readiness, health: "<health>" } },
    { start: "kernel" },
  ];
}

function followed(node: string | null) {
  return {
    to: "health",
    type: "health.followed",
    cni: "<cni>",
    node,
    readiness: "<readiness>",
    headscale: "<headscale>",
  };
}

function started(given: Partial<HeadcniSettings> = {}) {
  const root = drive(headcniMachine, { settings: { ...settings, ...given } });
  return { ...root, first: root.start() };
}

function serving() {
  const root = started();
  root.send({ type: "pods.recovered", count: 0 });
  root.send({ type: "guard.held" });
  return root;
}

/** With Kubernetes, and with its pod CIDR known. */
function inCluster() {
  const root = started({ ownPrefixes: [], kubernetes });
  root.send({ type: "node.podCIDRs", prefixes });
  return root;
}

describe("the root without Kubernetes", () => {
  it("lets pods read metrics, where that is wanted, once the guard has put its addresses on the node", () => {
    const ownPrefixes = [...prefixes, "fd00:10:244:1::/64"];
    const { send } = started({ metricsPage: true, ownPrefixes });
    send({ type: "pods.recovered", count: 0 });
    expect(send({ type: "guard.held" })).toContainEqual({
      start: "metricsPage",
      input: { addresses: ["10.244.1.1", "fd00:10:244:1::1"] },
    });
  });

  it("starts its children, introduces health to those that follow it, and works with the configured pod CIDRs", () => {
    const { first, at } = started();
    expect(first).toEqual([...children({ ownNode: false }), ...network(null), followed(null), ...begun]);
    expect(at()).toBe("starting");
  });

  it("tells health that an earlier life was proven", () => {
    const { first } = started({ readiness: { proofWanted: true, provenPrefixes: prefixes } });
    expect(first[0]).toMatchObject({ start: "health", input: { provenBefore: true } });
  });

  it("opens the pods, tells readiness and health once both the pods are recovered and the guard holds", () => {
    const { send, at } = started();
    expect(send({ type: "pods.recovered", count: 3 })).toEqual([]);
    expect(at()).toBe("starting");
    expect(send({ type: "guard.failed", failure })).toEqual([]);
    expect(at()).toBe("starting");
    expect(send({ type: "guard.held" })).toEqual(opened);
    expect(at()).toBe("live");
    const guardFirst = started();
    expect(guardFirst.send({ type: "guard.held" })).toEqual([]);
    expect(guardFirst.at()).toBe("starting");
    expect(guardFirst.send({ type: "pods.recovered", count: 3 })).toEqual(opened);
  });

  it("keeps nobody informed of attachments, refused calls and Nodes where nobody wants to know", () => {
    const { send, context } = serving();
    expect(send({ type: "attachments.changed", added: [], removed: [], count: 1 })).toEqual([]);
    expect(send(refusedCall)).toEqual([]);
    expect(context().failure).toBeNull();
  });

  it("ends in order: pods first, then the socket", () => {
    const { send, at, actor } = serving();
    expect(send({ type: "daemon.stop" })).toEqual(drained);
    expect(at()).toBe("draining");
    expect(send({ type: "daemon.stop" })).toEqual([]);
    expect(at()).toBe("draining");
    expect(send({ type: "pods.drained" })).toEqual([{ to: "cni", type: "cni.close" }]);
    expect(at()).toBe("closing");
    expect(send({ type: "daemon.stop" })).toEqual([]);
    expect(at()).toBe("closing");
    expect(send({ type: "cni.closed" })).toEqual([]);
    expect(at()).toBe("stopped");
    expect(actor.getSnapshot().output).toEqual({ failure: null });
  });

  it("ends in order also before it serves", () => {
    const { send, at } = started();
    expect(send({ type: "daemon.stop" })).toEqual(drained);
    expect(at()).toBe("draining");
  });

  it("waits 12 s for calls to end, and 12 s for the socket", () => {
    const { send, fire, timers, at } = serving();
    send({ type: "daemon.stop" });
    expect(timers()).toEqual([12_000]);
    expect(fire(12_000)).toEqual([{ to: "cni", type: "cni.close" }]);
    expect(timers()).toEqual([12_000]);
    expect(fire(12_000)).toEqual([]);
    expect(at()).toBe("stopped");
  });

  it("attends the node's own tailscaled where that carries the pods", () => {
    const tailscale = { ...settings.tailscale, mode: "host", mtu: 1400 } as const;
    const { first, send } = started({ tailscale });
    const { input } = first.find((effect) => "start" in effect && effect.start === "owner") as {
      input: object;
    };
    expect(first.some((effect) => "start" in effect && effect.start === "tailscaled")).toBe(false);
    expect(input).toMatchObject({ mtu: 1400, guard: "<guard>", routes: "<routes>" });
    expect(input).not.toHaveProperty("mode");
    expect(send(change("headscale.authKey", ""))).toContainEqual({
      to: "owner",
      type: "credentials.replaced",
    });
  });

  it("keeps the allowlist beside the node's own tailscaled, and serves once that is in force", () => {
    const believed = { prefixes: ["10.244.2.0/24"], nodes: [] };
    const { first, send, at } = started({ allowlist: { believed } });
    expect(first).toContainEqual({
      start: "allowlistKeeper",
      input: { seed: "n1", parent: "<headcni>", believed },
    });
    send({ type: "pods.recovered", count: 0 });
    send({ type: "guard.held" });
    expect(at()).toBe("starting");
    send({ type: "allowlist.inForce" });
    expect(at()).toBe("live");
  });

  const change = (path: string, to: string): HeadcniEvent => ({
    type: "config.changed",
    changes: [{ path, from: "", to }],
  });
  const replaced = { type: "credentials.replaced" };
  it.each<[HeadcniEvent, object[]]>([
    [change("ipam.restSeconds", "60"), [{ to: "pods", type: "pods.restChanged", restMs: 60_000 }]],
    [
      change("readiness.routeProof", '"off"'),
      [{ to: "readiness", type: "readiness.proofWanted", wanted: false }],
    ],
    [
      change("readiness.routeProof", '"required"'),
      [{ to: "readiness", type: "readiness.proofWanted", wanted: true }],
    ],
    [
      change("headscale.authKey", ""),
      [
        { to: "headscale", ...replaced },
        { to: "tailscaled", ...replaced },
      ],
    ],
    [
      {
        type: "config.changed",
        changes: [
          { path: "headscale.apiKey", from: "", to: "" },
          { path: "logging.level", from: "", to: "" },
        ],
      },
      [
        { to: "headscale", ...replaced },
        { to: "tailscaled", ...replaced },
      ],
    ],
    [change("logging.level", '"debug"'), []],
  ])("hands %j to those that work with it", (event, effects) => {
    expect(serving().send(event)).toEqual(effects);
  });
});

const refusedCall: HeadcniEvent = {
  type: "call.refused",
  command: "ADD",
  pod: { namespace: "default", name: "web", uid: "u" },
  failure: { code: 11, msg: "", details: "" },
};

describe("the root with Kubernetes", () => {
  it("waits for the Node's word on its pod CIDRs, whatever the configuration says", () => {
    const { first, send, at, context } = started({ kubernetes });
    expect(first).toEqual([...children({ ownNode: true }), followed("<ownNode>")]);
    expect(at()).toBe("learning");
    expect(context()).toMatchObject({ guard: null, routes: null, tailscaled: null });
    expect(send({ type: "node.podCIDRs", prefixes: [] })).toEqual([]);
    expect(at()).toBe("learning");
    expect(send({ type: "node.podCIDRs", prefixes })).toEqual([
      ...network("<ownNode>", kubernetes.serviceCidrs.remembered),
      ...begun,
    ]);
    expect(at()).toBe("starting");
  });

  it("ends at once while nothing stands, and takes changed credentials", () => {
    const { send, at, actor } = started({ kubernetes });
    expect(
      send({ type: "config.changed", changes: [{ path: "headscale.authKey", from: "", to: "" }] }),
    ).toEqual([{ to: "headscale", type: "credentials.replaced" }]);
    expect(send({ type: "daemon.stop" })).toEqual([]);
    expect(at()).toBe("stopped");
    expect(actor.getSnapshot().output).toEqual({ failure: null });
  });

  it("tells the watches of Kubernetes what stands and what was refused", () => {
    const { send } = inCluster();
    const changed = {
      type: "attachments.changed",
      added: [],
      removed: ["c1/eth0"],
      count: 1,
    } as const;
    const [toNode, toPodWatch] = [{ to: "ownNode" }, { to: "podWatch" }];
    expect(send(changed)).toEqual([
      { ...toNode, ...changed },
      { ...toPodWatch, ...changed },
    ]);
    expect(send(refusedCall)).toEqual([{ ...toPodWatch, ...refusedCall }]);
    const recovered = { type: "attachments.changed", added: [], removed: [], count: 2 };
    expect(send({ type: "pods.recovered", count: 2 })).toEqual([
      { to: "policy", type: "pods.recovered", count: 2 },
      { ...toNode, ...recovered },
      { ...toPodWatch, ...recovered },
    ]);
  });

  it("enforces no policies where that is not wanted", () => {
    const { first, send } = started({ kubernetes: { ...kubernetes, policy: null } });
    expect(first).toContainEqual({
      start: "pods",
      input: { settings: settings.pods, policy: null, parent: "<headcni>" },
    });
    expect(send({ type: "nodes.changed", bindings: [] })).toEqual([]);
  });

  it("tells routes, and who enforces policies, who may serve the pod CIDRs of all Nodes: at their start what is known then, later each change", () => {
    const bind = (prefix: string, nodeId: string) => ({ prefix, nodeId, node: "n", uid: "u" });
    const bindings = [bind("10.244.1.0/24", "1"), bind("10.244.2.0/24", ""), bind("fd00:1::/64", "1")];
    const bound = { "10.244.1.0/24": "1", "10.244.2.0/24": "", "fd00:1::/64": "1" };
    const { send } = started({ kubernetes });
    expect(send({ type: "nodes.changed", bindings })).toEqual([
      { to: "policy", type: "nodes.changed", bindings },
    ]);
    const effects = send({ type: "node.podCIDRs", prefixes });
    expect(effects).toContainEqual(
      expect.objectContaining({ start: "routes", input: expect.objectContaining({ bound }) }),
    );
    expect(send({ type: "nodes.changed", bindings: bindings.slice(1, 2) })).toEqual([
      { to: "routes", type: "nodes.bound", bound: { "10.244.2.0/24": "" } },
      { to: "policy", type: "nodes.changed", bindings: bindings.slice(1, 2) },
    ]);
  });

  it("tells the guard which Services there are: at its start what is known then, later each change", () => {
    const { send } = started({ kubernetes });
    const changed = (...prefixes: string[]) => ({ type: "services.changed", prefixes }) as const;
    expect(send(changed("10.97.0.0/24"))).toEqual([]);
    expect(send({ type: "node.podCIDRs", prefixes })).toContainEqual(
      network("<ownNode>", ["10.97.0.0/24"])[0],
    );
    expect(send(changed())).toEqual([{ to: "guard", ...changed() }]);
  });

  it("ends to begin anew when the Node has another pod CIDR", () => {
    const { send, at, actor } = inCluster();
    expect(send({ type: "node.moved", prefixes: ["10.244.7.0/24", "fd00:7::/64"] })).toEqual([]);
    expect(at()).toBe("failed");
    expect(actor.getSnapshot().output).toEqual({
      failure: {
        code: "POD_CIDR_CHANGED",
        message: "the Node's pod CIDR is now 10.244.7.0/24, fd00:7::/64: the next start works with it",
      },
    });
  });
});

describe("the root fails", () => {
  it("with the kernel worker, which says why", () => {
    const { send, at, actor } = serving();
    expect(send({ type: "kernel.failed", failure })).toEqual([counted]);
    expect(at()).toBe("failed");
    expect(actor.getSnapshot().output).toEqual({ failure });
  });

  it.each(["kernel", "pods", "guard"])("with the end of %s by an error", (child) => {
    const { fail, at, actor } = serving();
    const why = { code: "UNEXPECTED", message: "a mistake" };
    expect(fail(child, new Error("a mistake"))).toEqual([{ emit: "failure.occurred", failure: why }]);
    expect(at()).toBe("failed");
    expect(actor.getSnapshot().output).toEqual({ failure: why });
  });

  it("with a child that ends by itself", () => {
    const { done, at, actor } = serving();
    expect(done("config")).toEqual([]);
    expect(at()).toBe("failed");
    expect(actor.getSnapshot().output).toEqual({
      failure: { code: "ENDED", message: "config ended by itself" },
    });
    expect(Object.keys(actor.getSnapshot().children)).not.toContain("config");
  });
});
