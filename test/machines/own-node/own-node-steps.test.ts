import { describe, expect, it } from "vitest";
import type { OwnNodeEvent } from "../../../machines/own-node/own-node-events.ts";
import { ownNodeMachine } from "../../../machines/own-node/own-node-machine.ts";
import type { NetworkCondition, OwnNode } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { ownNode } from "../../support/cluster-node.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";

const prefixes = ["10.244.1.0/24"];
const own = ownNode("n1", prefixes);
const moved: OwnNode = { ...own, podCidrs: ["10.244.7.0/24"] };
const failure = { code: "UNREACHABLE", message: "away" };
const good: NetworkCondition = { status: "False", reason: "HeadcniServes", message: "" };
const listed = (...items: OwnNode[]): OwnNodeEvent => ({
  type: "watch.listed",
  source: "ownNode",
  items,
  cursor: "1",
});
const changed = (kind: "put" | "removed", item: OwnNode): OwnNodeEvent => ({
  type: "watch.changed",
  source: "ownNode",
  changes: [{ kind, item }],
  cursor: "2",
});
const lost: OwnNodeEvent = { type: "watch.lost", source: "ownNode", failure };
const restored: OwnNodeEvent = { type: "watch.restored", source: "ownNode" };
const count = (count: number): OwnNodeEvent => ({
  type: "attachments.changed",
  added: [],
  removed: [],
  count,
});
const networkWanted: OwnNodeEvent = { type: "node.networkWanted", condition: good };

const begun = [
  { start: "watch", input: { source: "ownNode", seed: "n1", parent: "<ownNode>" } },
  { start: "condition", input: { seed: "n1" } },
  { start: "identity", input: { seed: "n1" } },
  { start: "address", input: { seed: "n1", publishes: true, supernets: ["10.244.0.0/16"] } },
];
const recall = { start: "recall" };
const remember = (podCidrs: readonly string[]) => ({ start: "remember", input: { podCidrs } });
const seen = (network: NetworkCondition | null | "absent", nodeId = network === "absent" ? null : "1") => [
  { to: "condition", type: "condition.seen", network },
  { to: "identity", type: "identity.seen", identity: nodeId === null ? null : says(nodeId) },
];
const joined: OwnNodeEvent = { type: "node.joined", nodeId: "7" };
const says = (nodeId: string, metricsAt = "") => ({ nodeId, metricsAt });
const isWanted = { to: "identity", type: "identity.wanted", identity: says("7") };
const wanted = { to: "condition", type: "condition.wanted", condition: good };
const inForce = (prefixes: readonly string[]) => ({ to: "parent", type: "node.podCIDRs", prefixes });
const allowed = { to: "pods", type: "pods.refuseAttach", reason: "" };
const agreed = (note = "") => [{ to: "health", type: "node.agreed", note }, allowed];
const unconfirmed = agreed("the API server has not confirmed the pod CIDR yet");
const waiting = (reason: string) => ({ to: "health", type: "node.waiting", reason });
const unheard = "the API server has not been heard yet";
const holding = (state: string) => ({ working: { holding: state } });

/** All but what it tells of its addresses, each time anew: `tells what ...` is about that. */
const withoutAddress = (effects: readonly Effect[]) =>
  effects.filter((effect) => !("to" in effect && effect.to === "address"));

function started(configured: readonly string[] = []) {
  const node = driven(configured);
  return {
    ...node,
    first: withoutAddress(node.start()),
    send: (event: OwnNodeEvent) => withoutAddress(node.send(event)),
    done: (name: string, output?: unknown) => withoutAddress(node.done(name, output)),
    fail: (name: string, error: unknown) => withoutAddress(node.fail(name, error)),
    fire: (delayMs: number) => withoutAddress(node.fire(delayMs)),
  };
}

function driven(configured: readonly string[] = [], metricsPort: number | null = null) {
  return drive(ownNodeMachine, {
    seed: "n1",
    configured,
    supernets: ["10.244.0.0/16"],
    publishesAddress: true,
    metricsPort,
    health: recipient("health"),
    pods: recipient("pods"),
    parent: recipient("parent"),
  });
}

function learning(remembered: readonly string[] = []) {
  const node = started();
  node.done("recall", remembered);
  return node;
}

function holdingOn() {
  const node = learning();
  node.send(listed(own));
  node.done("remember");
  return node;
}

describe("the own Node", () => {
  it("gives the pod CIDR, which is remembered before it counts as agreed", () => {
    const { first, done, send, timers, at, context } = started();
    expect(first).toEqual([...begun, recall]);
    expect(context().attachments).toBe("unknown");
    expect(done("recall", [])).toEqual([]);
    expect(at()).toEqual({ working: { learning: "awaitingApiServer" } });
    expect(timers()).toEqual([500]);
    expect(send(listed(own))).toEqual([remember(prefixes), ...seen(null), inForce(prefixes)]);
    expect(timers()).toEqual([5_000]);
    expect(done("remember")).toEqual(agreed());
    expect(at()).toEqual(holding("agreed"));
  });

  it("is learned also where nothing can be read, within 2 s", () => {
    const { fail, send, done, at, context } = started();
    expect(fail("recall", broken)).toEqual([counted()]);
    expect(at()).toEqual({ working: { learning: "awaitingApiServer" } });
    expect(context().failure).toEqual(brokenFailure);
    send(changed("put", own));
    done("remember");
    expect(context().failure).toBeNull();
    const slow = started();
    expect(slow.timers()).toEqual([2_000]);
    expect(slow.fire(2_000)).toEqual([{ stop: "recall" }]);
    expect(slow.at()).toEqual({ working: { learning: "awaitingApiServer" } });
  });

  it("serves also where nothing can be written", () => {
    const { send, fail, context } = learning();
    send(listed(own));
    expect(fail("remember", broken)).toEqual([counted(), ...agreed()]);
    expect(context().failure).toEqual(brokenFailure);
    const slow = learning();
    slow.send(listed(own));
    expect(slow.fire(5_000)).toEqual([{ stop: "remember" }, ...agreed()]);
  });

  it("is waited for, and each news says why", () => {
    const { fire, send, at } = learning();
    expect(fire(500)).toEqual([waiting(unheard)]);
    expect(at()).toEqual({ working: { learning: "awaitingPodCidr" } });
    expect(send(lost)).toEqual([counted(failure), waiting(`${unheard}: away`)]);
    const none = "there is no Node of this name yet: does the kubelet run?";
    expect(send(listed())).toEqual([...seen("absent"), waiting(none)]);
    expect(send(changed("removed", own))).toEqual([...seen("absent"), waiting(none)]);
    const outside = send(changed("put", { ...own, podCidrs: ["10.9.0.0/24"], network: good }));
    expect(outside.slice(0, 2)).toEqual(seen(good));
    expect(outside[2]).toMatchObject({
      type: "node.waiting",
      reason: expect.stringContaining("10.9.0.0/24"),
    });
    // Nothing is missing any more, which is told like what was.
    const found = [remember(prefixes), ...seen(null), waiting(""), inForce(prefixes)];
    expect(send(changed("put", own))).toEqual(found);
  });

  it("has an outage forgotten by the next list, and by a watch that goes on", () => {
    const { send, context } = holdingOn();
    expect(send(lost)).toEqual([counted(failure)]);
    expect(context().failure).toEqual(failure);
    expect(send(restored)).toEqual([]);
    expect(context().failure).toBeNull();
    send(lost);
    expect(send(listed(own))).toEqual([...seen(null), ...agreed()]);
    expect(context().failure).toBeNull();
    const waiting = learning();
    waiting.fire(500);
    waiting.send(lost);
    waiting.send(listed());
    expect(waiting.context().failure).toBeNull();
  });

  it.each([
    ["cannot be asked", (node: ReturnType<typeof learning>) => node.send(lost), [counted(failure)]],
    ["does not answer", (node: ReturnType<typeof learning>) => node.fire(500), []],
  ] as const)("is as remembered where the API server %s", (_, happen, news) => {
    const node = learning(prefixes);
    expect(happen(node)).toEqual([...news, inForce(prefixes), ...unconfirmed]);
    expect(node.at()).toEqual(holding("unconfirmed"));
    expect(node.send(changed("put", own))).toEqual([...seen(null), ...agreed()]);
  });

  it("is not as remembered where that is nothing, or nothing the configuration allows", () => {
    for (const remembered of [[], ["10.9.1.0/24"]]) {
      const node = learning(remembered);
      expect(node.send(lost)).toEqual([counted(failure)]);
      expect(node.at()).toEqual({ working: { learning: "awaitingApiServer" } });
      node.fire(500);
      expect(node.at()).toEqual({ working: { learning: "awaitingPodCidr" } });
    }
  });

  it("has to agree with what is configured, and never moves it", () => {
    const { first, send, at } = started(prefixes);
    expect(first).toEqual([...begun, inForce(prefixes), ...unconfirmed]);
    send(count(0));
    const reason =
      "the Node's pod CIDR is 10.244.7.0/24, but this node works with 10.244.1.0/24: network.nodePodCIDR must agree";
    expect(send(listed(moved))).toEqual([
      ...seen(null),
      { to: "health", type: "node.conflicting", reason },
      { to: "pods", type: "pods.refuseAttach", reason },
    ]);
    expect(at()).toEqual(holding("conflicting"));
  });

  it("may be gone or without a pod CIDR: the one in force stays", () => {
    const { send, at } = holdingOn();
    expect(send(changed("removed", own))).toEqual([...seen("absent"), ...agreed("this node's Node is gone")]);
    expect(at()).toEqual(holding("absent"));
    expect(send(changed("put", { ...own, podCidrs: [] }))).toEqual([...seen(null), ...agreed()]);
    expect(at()).toEqual(holding("agreed"));
  });

  it("refuses pods under a conflict, and begins anew with the other pod CIDR once no pod is left", () => {
    const { send, done, at, context } = holdingOn();
    const reason =
      "the Node's pod CIDR is 10.244.7.0/24, but this node works with 10.244.1.0/24: drain the node, then it takes the new one";
    const conflict = [
      ...seen(null),
      { to: "health", type: "node.conflicting", reason },
      { to: "pods", type: "pods.refuseAttach", reason },
    ];
    expect(send(changed("put", moved))).toEqual(conflict);
    expect(send(count(1))).toEqual([]);
    expect(at()).toEqual(holding("conflicting"));
    send(lost);
    expect(send(count(0))).toEqual([remember(moved.podCidrs)]);
    expect(context().failure).toEqual(failure);
    expect(done("remember")).toEqual([{ to: "parent", type: "node.moved", prefixes: moved.podCidrs }]);
    expect(context().failure).toBeNull();
    expect(at()).toEqual({ working: "moved" });
  });

  it("begins anew also where the other one cannot be written, and not with one that cannot be worked with", () => {
    const told = { to: "parent", type: "node.moved", prefixes: moved.podCidrs };
    const refused = holdingOn();
    refused.send(count(0));
    expect(refused.send(changed("put", moved))[0]).toEqual(remember(moved.podCidrs));
    expect(refused.fail("remember", broken)).toEqual([counted(), told]);
    const slow = holdingOn();
    slow.send(count(0));
    slow.send(changed("put", moved));
    expect(slow.fire(5_000)).toEqual([{ stop: "remember" }, told]);
    const outside = holdingOn();
    outside.send(count(0));
    outside.send(changed("put", { ...own, podCidrs: ["10.9.0.0/24"] }));
    expect(outside.at()).toEqual(holding("conflicting"));
  });

  it("hands on what its condition should say, and again after a part of it failed", () => {
    const { send, fail, fire, timers, at, context } = holdingOn();
    expect(send(networkWanted)).toEqual([wanted]);
    expect(send(joined)).toEqual([wanted, isWanted]);
    expect(fail("condition", broken)).toEqual([
      { stop: "watch" },
      { stop: "identity" },
      { stop: "address" },
      counted(),
    ]);
    expect(at()).toBe("crashed");
    expect(timers()).toEqual([5_000]);
    const other = { ...good, message: "other" };
    expect(send({ type: "node.networkWanted", condition: other })).toEqual([]);
    expect(fire(5_000)).toEqual([...begun, { ...wanted, condition: other }, isWanted, ...agreed()]);
    expect(fail("watch", broken)).toEqual([
      { stop: "condition" },
      { stop: "identity" },
      { stop: "address" },
      counted(),
    ]);
    expect(send({ ...joined, nodeId: "9" })).toEqual([]);
    expect(fire(5_000)).toContainEqual({ ...isWanted, identity: says("9") });
    expect(fail("identity", broken)).toEqual([
      { stop: "watch" },
      { stop: "condition" },
      { stop: "address" },
      counted(),
    ]);
    expect(context().failure).toEqual(brokenFailure);
    send(count(3));
    expect(context().attachments).toBe(3);
    expect(send(restored)).toEqual([]);
    expect(context().failure).toBeNull();
  });

  it("takes the last of several changes, and remembers what was wanted before anything is there", () => {
    const { send, done } = started();
    expect(send(networkWanted)).toEqual([wanted]);
    done("recall", []);
    expect(
      send({
        type: "watch.changed",
        source: "ownNode",
        changes: [
          { kind: "put", item: moved },
          { kind: "put", item: own },
        ],
        cursor: "2",
      }),
    ).toEqual([remember(prefixes), ...seen(null), inForce(prefixes)]);
  });

  it("tells what its addresses are, what the Node has, and whether others reach them, whenever one of it changes", () => {
    const node = driven();
    const told = (effects: readonly Effect[]) =>
      effects.filter((effect) => "to" in effect && effect.to === "address");
    const known = (node: OwnNode | null, routers: readonly string[], reachable: boolean) => ({
      ...{ to: "address", type: "address.known", node: node?.addressing ?? null },
      ...{ routers, reachable },
    });
    expect(told(node.start())).toEqual([known(null, [], false)]);
    node.done("recall", []);
    const routers = ["10.244.1.1"];
    expect(told(node.send(listed(own)))).toEqual([known(own, [], false), known(own, routers, false)]);
    expect(told(node.done("remember"))).toEqual([]);
    expect(told(node.send(networkWanted))).toEqual([known(own, routers, true)]);
    const bad: NetworkCondition = { ...good, status: "True" };
    const worse = node.send({ type: "node.networkWanted", condition: bad });
    expect(told(worse)).toEqual([known(own, routers, false)]);
    expect(told(node.send(changed("removed", own)))).toEqual([known(null, routers, false)]);
    node.send(networkWanted);
    node.fail("address", broken);
    expect(node.at()).toBe("crashed");
    expect(told(node.fire(5_000))).toEqual([known(null, routers, true)]);
  });

  it.each([
    [["10.244.1.0/24", "fd00:10:244:1::/64"], "10.244.1.1:9797"],
    [["fd00:10:244:1::/64"], "[fd00:10:244:1::1]:9797"],
  ])("tells where pods of %j read metrics, and keeps what the Node says of it", (configured, metricsAt) => {
    const node = driven(configured, 9797);
    node.start();
    expect(node.send(joined)).toContainEqual({ ...isWanted, identity: says("7", metricsAt) });
    expect(node.send(changed("put", { ...own, metricsAt }))).toContainEqual({
      to: "identity",
      type: "identity.seen",
      identity: says("1", metricsAt),
    });
  });

  it("tells its addresses in the order of its Node's pod CIDRs, once these are in force", () => {
    const six = "fd00:10:244:1::/64";
    const node = drive(ownNodeMachine, {
      ...{ seed: "n1", configured: [...prefixes, six], publishesAddress: true, metricsPort: null },
      supernets: ["10.244.0.0/16", "fd00:10:244::/48"],
      ...{ health: recipient("health"), pods: recipient("pods"), parent: recipient("parent") },
    });
    const routers = ["10.244.1.1", "fd00:10:244:1::1"];
    expect(node.start()).toContainEqual(expect.objectContaining({ type: "address.known", routers }));
    const known = (podCidrs: readonly string[]) => {
      const effects = node.send(listed(ownNode("n1", podCidrs)));
      return effects.find((effect) => "to" in effect && effect.to === "address");
    };
    expect(known([six, ...prefixes])).toMatchObject({ routers: routers.toReversed() });
    expect(known([six, "10.244.7.0/24"])).toMatchObject({ routers });
    expect(known([six])).toMatchObject({ routers });
  });
});
