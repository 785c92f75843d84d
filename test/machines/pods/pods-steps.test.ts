import { describe, expect, it } from "vitest";
import type { AttachmentCall, PodStart } from "../../../machines/pod/pod-events.ts";
import type { CollectCall, PodsSettings } from "../../../machines/pods/pods-events.ts";
import { podsMachine } from "../../../machines/pods/pods-machine.ts";
import type { ObservedAttachment } from "../../../src/domain/attachment/attachment.ts";
import { planAttachment, planOfObserved } from "../../../src/domain/attachment/pod-network-plan.ts";
import type { CniRequest } from "../../../src/protocol/cni-protocol.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";

const prefixes = ["10.244.1.0/24"];
const settings: PodsSettings = { mtu: 1280, strategy: "sequential", restMs: 30_000, seed: 1 };
const types = { ADD: "pod.attachWanted", DEL: "pod.detachWanted", CHECK: "pod.checkWanted" } as const;
const call = (
  command: keyof typeof types,
  container: string,
  more: Partial<CniRequest> = {},
  atMs = 1,
): AttachmentCall => ({
  type: types[command],
  request: cniRequest(command, container, more),
  requestId: `${command} ${container}`,
  replyTo: recipient("caller"),
  atMs,
});
const add = (container: string, atMs = 1) => call("ADD", container, {}, atMs);
const del = (container: string) => call("DEL", container);
const check = (container: string) => call("CHECK", container);
const gc = (requestId: string, ...valid: string[]): CollectCall => ({
  type: "pods.collectWanted",
  requestId,
  network: "headcni",
  valid: valid.map((containerId) => ({ containerId, ifname: "eth0" })),
  replyTo: recipient("caller"),
  atMs: 7,
});
const key = (container: string) => `${container}/eth0`;
const planOf = (container: string, last: number, order = 0, ifname = "eth0") =>
  planAttachment(
    cniRequest("ADD", container, { ifname }),
    { routerAddresses: ["10.244.1.1"], mtu: 1280 },
    { addresses: [`10.244.1.${last}`], order },
  );
const plain = ({ replyTo: _, ...rest }: AttachmentCall) => ({ ...rest, replyTo: "<caller>" });
const opens = (slot: number, plan: object, start: PodStart, first: AttachmentCall | null): Effect => ({
  start: `pod:${slot}`,
  input: {
    slot,
    plan,
    start,
    call: first === null ? null : plain(first),
    registry: "<pods>",
    links: "<links>",
    policy: "<policy>",
  },
});
const toPod = (slot: number, event: object) => ({ to: `pod:${slot}`, ...event });
const changed = (count: number, added: readonly object[] = [], removed: readonly string[] = []) => ({
  to: "parent",
  type: "attachments.changed",
  added,
  removed,
  count,
});
const known = (container: string) => ({
  key: key(container),
  network: "headcni",
  containerId: container,
  ifname: "eth0",
  podUid: `uid-${container}`,
});
/** What ends an attachment that stood: for metrics, and for the root. */
const ended = (id: string, count: number) => [
  { emit: "attachments.ended", keys: [key(id)] },
  changed(count, [], [key(id)]),
];
const hints = { to: "hints", type: "hints.changed", pools: expect.anything() };
const told = (requestId: string, failure: object) => ({
  to: "caller",
  type: "pod.failed",
  requestId,
  failure,
});
/** The caller and the root are told. */
const refused = (of: AttachmentCall, failure: object) => [
  told(of.requestId, failure),
  {
    to: "parent",
    type: "call.refused",
    command: of.request.command,
    pod: of.request.pod,
    failure,
  },
];
const ending = {
  code: 11,
  msg: "the daemon is ending: no new attachments",
  details: "The next daemon serves the call.",
};
const starting = {
  code: 11,
  msg: "the daemon is still starting: pods cannot be served yet",
  details: "The runtime may repeat the call.",
};
const notAttached = (container: string) => ({
  code: 3,
  msg: `${key(container)} is not attached`,
  details: "Nothing of this attachment is left in the kernel.",
});
const queued = (of: { readonly requestId: string }, why: string) => ({
  emit: "call.queued",
  callId: of.requestId,
  why,
});
const started = (of: { readonly requestId: string }) => ({ emit: "call.started", callId: of.requestId });
const failure = { code: 5, msg: "busy", details: "" } as const;
const result = { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: {} } as const;

function closed(given: Partial<PodsSettings> = {}) {
  const pods = drive(podsMachine, {
    settings: { ...settings, ...given },
    policy: recipient("policy"),
    parent: recipient("parent"),
  });
  return { ...pods, first: pods.start() };
}

function recovered(given: Partial<PodsSettings> = {}, of: readonly string[] = prefixes) {
  const pods = closed(given);
  pods.send({ type: "pods.recover", prefixes: of });
  pods.done("recover", { attachments: [], hints: [] });
  return pods;
}

function ready(given: Partial<PodsSettings> = {}, of: readonly string[] = prefixes) {
  const pods = recovered(given, of);
  pods.send({ type: "pods.open" });
  const answer = (slot: number, type: "pod.attached" | "pod.detached", requestId: string) =>
    pods.send({
      type: "pod.answered",
      slot,
      answer: type === "pod.attached" ? { type, requestId, result } : { type, requestId },
    });
  return { ...pods, answer };
}

/** The pod in `slot` answered its ADD. */
function standing(...containers: readonly string[]) {
  const pods = ready();
  for (const [slot, container] of containers.entries()) {
    pods.send(add(container));
    pods.answer(slot, "pod.attached", `ADD ${container}`);
  }
  return pods;
}

describe("the registry starts", () => {
  it("with what deletes links and keeps hints, and reads the kernel when the pod CIDRs are known", () => {
    const { first, send, done, timers, at } = closed();
    expect(first).toEqual([{ start: "links" }, { start: "hints" }]);
    expect(send({ type: "pods.recover", prefixes: [...prefixes, "fd00:1::/64"] })).toEqual([
      { start: "recover", input: { routerAddresses: ["10.244.1.1", "fd00:1::1"] } },
    ]);
    expect(timers()).toEqual([10_000]);
    expect(done("recover", { attachments: [], hints: [] })).toContainEqual({
      to: "parent",
      type: "pods.recovered",
      count: 0,
    });
    expect(at()).toBe("recovered");
    expect(send({ type: "pods.open" })).toEqual([]);
    expect(at()).toBe("ready");
  });

  it("and reads the kernel again a second after that failed or took 10 s; STATUS says why it is not ready", () => {
    const { send, done, fail, fire, timers, at } = closed();
    const status = () => {
      send({ type: "pods.statusWanted", requestId: "s1", replyTo: recipient("caller") });
      return send({ type: "pods.statusWanted", requestId: "s1", replyTo: recipient("caller") })[0];
    };
    const says = (is: boolean, reason: string) => ({
      to: "caller",
      type: "pods.status",
      requestId: "s1",
      ready: is,
      reason,
    });
    send({ type: "pods.recover", prefixes });
    expect(fail("recover", broken)).toEqual([counted()]);
    expect(at()).toBe("recoveryFailed");
    expect(status()).toEqual(says(false, brokenFailure.message));
    expect(timers()).toEqual([1_000]);
    expect(fire(1_000)).toEqual([{ start: "recover", input: { routerAddresses: ["10.244.1.1"] } }]);
    const late = { code: "TIMEOUT", message: "recovering took more than 10 s" };
    expect(fire(10_000)).toEqual([{ stop: "recover" }, counted(late)]);
    expect(status()).toEqual(says(false, late.message));
    fire(1_000);
    done("recover", { attachments: [], hints: [] });
    expect(status()).toEqual(says(true, ""));
  });

  it("and takes over what stands in the kernel, once, with its addresses and what was remembered of others", () => {
    const observed = (container: string, last: number): ObservedAttachment => {
      const { netns: _, podMac: __, routerAddresses: ___, ...plan } = planOf(container, last);
      return { ...plan, state: "ready", netnsInode: "1", routedAddresses: plan.addresses };
    };
    const found = [observed("a", 2), observed("b", 9), observed("a", 2)];
    const { send, done, context } = closed();
    send({ type: "pods.recover", prefixes });
    const effects = done("recover", {
      attachments: found,
      hints: [{ prefix: "10.244.1.0/24", cursor: 20, resting: [] }],
    });
    const plans = found.map((one) => planOfObserved(one, ["10.244.1.1"]));
    expect(effects.filter((effect) => "start" in effect)).toEqual([
      opens(0, plans[0] as object, "attached", null),
      opens(1, plans[1] as object, "attached", null),
    ]);
    expect(effects).toContainEqual(changed(2, [known("a"), known("b")]));
    expect(effects).toContainEqual({ to: "parent", type: "pods.recovered", count: 3 });
    expect(context().pools).toMatchObject([{ used: [2, 9], cursor: 20 }]);
  });
});

describe("a call before the registry is ready", () => {
  it("waits, and says for what", () => {
    const { send, done } = closed();
    const [first, second] = [add("a"), check("b")];
    expect(send(first)).toEqual([queued(first, "until the node can take pods")]);
    expect(send(second)).toEqual([queued(second, "until the node can take pods")]);
    send({ type: "pods.recover", prefixes });
    expect(send(del("c"))).toHaveLength(1);
    expect(send(gc("g"))).toHaveLength(1);
    const effects = done("recover", { attachments: [], hints: [] });
    expect(effects.filter((effect) => !("to" in effect && effect.to === "hints"))).toEqual([
      { to: "parent", type: "pods.recovered", count: 0 },
      started(second),
      ...refused(second, notAttached("b")),
      started(del("c")),
      { to: "caller", type: "pod.detached", requestId: "DEL c" },
      started(gc("g")),
      { to: "caller", type: "pods.collected", requestId: "g", removed: 0, failures: [] },
    ]);
    expect(send(add("z"))).toEqual([queued(add("z"), "until the node can take pods")]);
    expect(send(del("z"))).toEqual([{ to: "caller", type: "pod.detached", requestId: "DEL z" }]);
    expect(send({ type: "pods.open" })).toEqual([
      opens(0, planOf("a", 2), "attach", first),
      opens(1, planOf("z", 3), "attach", add("z")),
      started(first),
      started(add("z")),
      hints,
      changed(2),
    ]);
  });

  it("waits for the kernel where the registry is open already", () => {
    const { send } = closed();
    send({ type: "pods.open" });
    expect(send(add("a"))).toEqual([queued(add("a"), "until the kernel's attachments are known")]);
  });

  it("is refused when 512 wait already", () => {
    const { send } = closed();
    for (let index = 0; index < 512; index += 1)
      expect(send(add(`c${index}`))).toEqual([queued(add(`c${index}`), "until the node can take pods")]);
    const failure = {
      code: 11,
      msg: "512 calls wait for the daemon's start already",
      details: "Repeat the call later.",
    };
    expect(send(add("z"))).toEqual(refused(add("z"), failure));
    expect(send(gc("g"))).toEqual([told("g", failure)]);
  });

  it("is refused when nobody waits for it any more, and does not begin later", () => {
    const { send, context } = closed();
    send(add("a"));
    send(gc("g"));
    expect(send({ type: "pod.withdrawn", requestId: "z" })).toEqual([]);
    expect(send({ type: "pod.withdrawn", requestId: "ADD a" })).toEqual(refused(add("a"), starting));
    expect(send({ type: "pod.withdrawn", requestId: "g" })).toEqual([told("g", starting)]);
    expect(context().held).toEqual([]);
  });
});

describe("an attachment", () => {
  it("gets addresses and a pod, stands from its answer on, and no more from its DEL on", () => {
    const { send, answer, context } = ready();
    expect(send(add("a"))).toEqual([opens(0, planOf("a", 2), "attach", add("a")), hints, changed(1)]);
    expect(answer(0, "pod.attached", "ADD a")).toEqual([changed(1, [known("a")])]);
    expect(answer(0, "pod.attached", "ADD a")).toEqual([]);
    expect(send(check("a"))).toEqual([toPod(0, plain(check("a")))]);
    expect(send(del("a"))).toEqual([toPod(0, plain(del("a"))), ...ended("a", 1)]);
    expect(answer(0, "pod.detached", "DEL a")).toEqual([]);
    expect(context().slots[0]?.calls.map(({ requestId }: AttachmentCall) => requestId)).toEqual(["CHECK a"]);
  });

  it("gives its addresses to rest when its link is gone, and its slot back when its pod ended", () => {
    const { send, answer, done, context } = standing("a");
    send(del("a"));
    answer(0, "pod.detached", "DEL a");
    expect(send({ type: "pod.idle", slot: 0, releasedAtMs: 50 })).toEqual([
      toPod(0, { type: "pod.release" }),
      hints,
      changed(0),
    ]);
    expect(context().pools).toMatchObject([{ used: [], resting: [{ offset: 2, sinceMs: 50 }] }]);
    expect(send({ type: "pod.idle", slot: 0, releasedAtMs: 60 })).toEqual([]);
    expect(context().slots).toMatchObject([{ key: "", plan: null }]);
    expect(done("pod:0")).toEqual([]);
    expect(context().slots).toEqual([null]);
  });

  it("does not get an address that still rests, for as long as the operator says at that moment", () => {
    const { send, answer } = ready({ strategy: "dense" });
    send(add("a"));
    send(add("b"));
    answer(0, "pod.attached", "ADD a");
    send(del("a"));
    answer(0, "pod.detached", "DEL a");
    send({ type: "pod.idle", slot: 0, releasedAtMs: 1_000 });
    const address = (of: readonly Effect[]) =>
      (of[0] as { input: { plan: { addresses: readonly string[] } } }).input.plan.addresses[0];
    expect(address(send(add("c", 30_999)))).toBe("10.244.1.4");
    expect(send({ type: "pods.restChanged", restMs: 40_000 })).toEqual([]);
    expect(address(send(add("d", 31_000)))).toBe("10.244.1.5");
    expect(address(send(add("e", 41_000)))).toBe("10.244.1.2");
  });

  it("is refused where no address is left, or while the root refuses all", () => {
    const { send } = ready({}, ["10.244.1.0/30"]);
    expect(send({ type: "pods.refuseAttach", reason: "the pod CIDR is another" })).toEqual([]);
    const other = {
      code: 11,
      msg: "the pod CIDR is another",
      details: "Pods that run here keep their network.",
    };
    expect(send(add("a"))).toEqual(refused(add("a"), other));
    send({ type: "pods.refuseAttach", reason: "" });
    expect(send(add("a"))).toHaveLength(3);
    const full = {
      code: 11,
      msg: "no address left in 10.244.1.0/30: 1 of 1 in use, 0 resting",
      details: "Delete pods of this node or give it a larger network.nodePodCIDR.",
    };
    expect(send(add("b"))).toEqual(refused(add("b"), full));
  });

  it("takes an address of each prefix or of none", () => {
    const { send, context } = ready({}, ["10.244.1.0/24", "fd00:1::/127"]);
    expect(send(add("a"))[0]).toMatchObject({ to: "caller", type: "pod.failed" });
    expect(context().pools).toMatchObject([{ used: [] }, { used: [] }]);
    const dual = ready({}, ["10.244.1.0/24", "fd00:1::/64"]);
    expect(dual.context().pools).toMatchObject([{ seed: 1 }, { seed: 2 }]);
    expect(dual.send(add("a"))[0]).toMatchObject({
      input: {
        plan: { addresses: ["10.244.1.2", "fd00:1::2"], routerAddresses: ["10.244.1.1", "fd00:1::1"] },
      },
    });
  });

  it("has a number among those of its container: the lowest that is free", () => {
    const { send, answer } = standing("a");
    const second = call("ADD", "a", { ifname: "net1" });
    expect(send(second)[0]).toEqual(opens(1, planOf("a", 3, 1, "net1"), "attach", second));
    const third = call("ADD", "a", { ifname: "net2" });
    expect(send(third)[0]).toEqual(opens(2, planOf("a", 4, 2, "net2"), "attach", third));
    answer(1, "pod.attached", second.requestId);
    send({ type: "pod.idle", slot: 1, releasedAtMs: 5 });
    const fourth = call("ADD", "a", { ifname: "net3" });
    expect(send(fourth)[0]).toEqual(opens(3, planOf("a", 5, 1, "net3"), "attach", fourth));
    expect(send(add("ab"))[0]).toMatchObject({ input: { plan: { order: 0 } } });
  });

  it("tells the root when a call fails at its pod", () => {
    const { send } = ready();
    send(add("a"));
    expect(
      send({ type: "pod.answered", slot: 0, answer: { type: "pod.failed", requestId: "ADD a", failure } }),
    ).toEqual(refused(add("a"), failure).slice(1));
  });

  it("hands a call that nobody waits for to its pod, which ends it", () => {
    const { send } = ready();
    send(add("a"));
    expect(send({ type: "pod.withdrawn", requestId: "ADD a" })).toEqual([
      toPod(0, { type: "pod.withdrawn", requestId: "ADD a" }),
    ]);
  });

  it("that is idle gets new addresses for its oldest ADD, and its pod ends only without calls", () => {
    const { send, answer } = standing("a");
    send(add("a"));
    send(check("a"));
    expect(send({ type: "pod.idle", slot: 0, releasedAtMs: 5 })).toEqual([
      toPod(0, { type: "pod.planned", requestId: "ADD a", plan: planOf("a", 3) }),
      hints,
      ...ended("a", 1),
    ]);
    answer(0, "pod.attached", "ADD a");
    const checking = standing("a");
    checking.send(check("a"));
    expect(checking.send({ type: "pod.idle", slot: 0, releasedAtMs: 5 })).toEqual([hints, ...ended("a", 0)]);
    expect(checking.answer(0, "pod.detached", "CHECK a")).toEqual([toPod(0, { type: "pod.release" })]);
  });

  it("that is idle is refused addresses when there are none", () => {
    const { send } = standing("a");
    send(add("a"));
    send({ type: "pods.refuseAttach", reason: "no" });
    const failure = { code: 11, msg: "no", details: "Pods that run here keep their network." };
    expect(send({ type: "pod.idle", slot: 0, releasedAtMs: 5 })).toContainEqual(
      toPod(0, { type: "pod.refused", requestId: "ADD a", failure }),
    );
  });
});

describe("a key without attachment", () => {
  it("has nothing to remove or to compare", () => {
    const { send } = ready();
    expect(send(del("a"))).toEqual([{ to: "caller", type: "pod.detached", requestId: "DEL a" }]);
    expect(send(check("a"))).toEqual(refused(check("a"), notAttached("a")));
  });
});

describe("a pod that dies of a mistake", () => {
  it("has its calls refused and keeps its addresses until a call asks the kernel anew", () => {
    const { send, fail, context } = standing("a");
    send(check("a"));
    const mistake = {
      code: 999,
      msg: `CHECK of ${key("a")}: broken`,
      details: "An unexpected error (UNEXPECTED); see the daemon's log.",
    };
    expect(fail("pod:0", broken)).toEqual([counted(), ...refused(check("a"), mistake), ...ended("a", 1)]);
    expect(context().pools).toMatchObject([{ used: [2] }]);
    expect(send(check("a"))).toEqual(refused(check("a"), notAttached("a")));
    expect(send({ type: "pod.idle", slot: 9, releasedAtMs: 5 })).toEqual([]);
    expect(send(del("a"))).toEqual([opens(0, planOf("a", 2), "detach", del("a"))]);
    expect(context().slots[0]?.abandoned).toBeUndefined();
  });

  it("leaves nothing where it was idle", () => {
    const { send, fail, context } = standing("a");
    send(check("a"));
    send({ type: "pod.idle", slot: 0, releasedAtMs: 5 });
    fail("pod:0", broken);
    expect(context().slots).toEqual([null]);
  });
});

describe("GC", () => {
  const asked = (container: string) => ({
    to: "",
    type: "pod.detachWanted",
    requestId: "gc g",
    replyTo: "<pods>",
    atMs: 7,
    request: expect.objectContaining({ command: "DEL", containerId: container }),
  });

  it("removes what stands on its network and is not known, and answers when all is removed", () => {
    const { send } = standing("a", "b", "c");
    send(add("d"));
    send(check("c"));
    expect(send(gc("g", "b"))).toEqual([toPod(0, { ...asked("a"), to: "pod:0" }), ...ended("a", 4)]);
    expect(send({ type: "pod.detached", requestId: "other" })).toEqual([]);
    expect(send({ type: "pod.detached", requestId: "gc g" })).toEqual([
      { to: "caller", type: "pods.collected", requestId: "g", removed: 1, failures: [] },
    ]);
    expect(send({ ...gc("g2"), network: "other" })).toEqual([
      { to: "caller", type: "pods.collected", requestId: "g2", removed: 0, failures: [] },
    ]);
  });

  it("leaves what a DEL removes already", () => {
    const { send, answer } = standing("a");
    send(del("a"));
    answer(0, "pod.detached", "DEL a");
    expect(send(gc("g"))).toEqual([
      { to: "caller", type: "pods.collected", requestId: "g", removed: 0, failures: [] },
    ]);
  });

  it("goes on after a failure and tells of each", () => {
    const { send } = standing("a", "b");
    send(gc("g"));
    expect(send({ type: "pod.failed", requestId: "gc g", failure })).toEqual([]);
    expect(send({ type: "pod.detached", requestId: "gc g" })).toEqual([
      { to: "caller", type: "pods.collected", requestId: "g", removed: 1, failures: [failure] },
    ]);
  });

  it("is answered when nobody waits for it any more, and goes on", () => {
    const { send, context } = standing("a", "b");
    send(gc("g"));
    expect(send({ type: "pod.withdrawn", requestId: "g" })).toEqual([
      told("g", {
        code: 11,
        msg: "GC still removes 2 attachments",
        details: "It continues; GC may be repeated.",
      }),
    ]);
    expect(context().collections).toEqual([]);
    expect(send({ type: "pod.detached", requestId: "gc g" })).toEqual([]);
  });
});

describe("the registry drains", () => {
  const drained = { to: "parent", type: "pods.drained" };

  it("at once without calls, and still serves all but ADDs", () => {
    const { send, at } = standing("a");
    expect(send({ type: "pods.drain" })).toEqual([drained]);
    expect(at()).toBe("drained");
    expect(send(add("b"))).toEqual(refused(add("b"), ending));
    expect(send(check("a"))).toEqual([toPod(0, plain(check("a")))]);
    expect(send(del("b"))).toHaveLength(1);
    expect(send(gc("g"))).toHaveLength(1);
  });

  it("when its calls are answered, or after 10 s", () => {
    const { send, answer, timers, at } = ready();
    send(add("a"));
    expect(send({ type: "pods.drain" })).toEqual([]);
    expect(at()).toBe("draining");
    expect(timers()).toEqual([10_000]);
    expect(send(add("b"))).toEqual(refused(add("b"), ending));
    expect(send(del("z"))).toHaveLength(1);
    expect(send(check("z"))).toHaveLength(2);
    expect(send(gc("g"))).toHaveLength(1);
    expect(answer(0, "pod.attached", "ADD a")).toContainEqual(drained);
    const slow = ready();
    slow.send(add("a"));
    slow.send({ type: "pods.drain" });
    expect(slow.fire(10_000)).toEqual([drained]);
  });

  it("when its GC has ended", () => {
    const { send, answer } = standing("a");
    send(gc("g"));
    send({ type: "pods.drain" });
    expect(answer(0, "pod.detached", "gc g")).toEqual([]);
    expect(send({ type: "pod.detached", requestId: "gc g" })).toContainEqual(drained);
  });

  it("and refuses what waited for its start", () => {
    const { send, context } = closed();
    send(add("a"));
    send(gc("g"));
    expect(send({ type: "pods.drain" })).toEqual([...refused(add("a"), ending), told("g", ending), drained]);
    expect(context().held).toEqual([]);
  });
});
