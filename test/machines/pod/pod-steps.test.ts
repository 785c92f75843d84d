import { describe, expect, it } from "vitest";
import type { AttachmentCall, PodStart } from "../../../machines/pod/pod-events.ts";
import { podMachine } from "../../../machines/pod/pod-machine.ts";
import { resultOfPlan } from "../../../src/domain/attachment/cni-result.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";

const planWith = (address: string) =>
  planAttachment(
    cniRequest("ADD", "c1"),
    { routerAddresses: ["10.244.1.1"], mtu: 1280 },
    { addresses: [address], order: 0 },
  );
const plan = planWith("10.244.1.2");
const { key, hostLink } = plan;
const types = { ADD: "pod.attachWanted", DEL: "pod.detachWanted", CHECK: "pod.checkWanted" } as const;
const call = (command: keyof typeof types, requestId: string, netns = plan.netns): AttachmentCall => ({
  type: types[command],
  request: cniRequest(command, "c1", { netns }),
  requestId,
  replyTo: recipient(requestId),
  atMs: 1,
});
const add = (id: string) => call("ADD", id);
const del = (id: string) => call("DEL", id);
const check = (id: string) => call("CHECK", id);

/** The caller and the registry are told. */
function answer(requestId: string, type: string, more = {}): Effect[] {
  const told = { type, requestId, ...more };
  return [
    { to: requestId, ...told },
    { to: "registry", type: "pod.answered", slot: 3, answer: told },
  ];
}
const refused = (id: string, code: number, msg: string, details: string) =>
  answer(id, "pod.failed", { failure: { code, msg, details } });
const unexpected = (id: string, doing: string) =>
  refused(id, 999, `${doing} of ${key}: broken`, "An unexpected error (UNEXPECTED); see the daemon's log.");
const late = (id: string, command: string, doing: string, seconds: number) =>
  refused(
    id,
    11,
    `${command} of ${key}: ${doing} took more than ${seconds} s`,
    "The runtime may repeat the call.",
  );
const attached = (id: string, of = plan) => answer(id, "pod.attached", { result: resultOfPlan(of, "1.1.0") });
const detached = (id: string) => answer(id, "pod.detached");
const overtaken = (id: string) =>
  refused(id, 11, `${key}: a DEL came after this call`, "Nothing is left of it.");
const withdrawn = (id: string, place: string) =>
  refused(id, 11, `${key}: not done in time, the attachment is ${place}`, "The runtime may repeat the call.");
const idle = (releasedAtMs: number): Effect => ({ to: "registry", type: "pod.idle", slot: 3, releasedAtMs });
const attach = (of = plan) => ({ start: "attach", input: { plan: of } });
const detach = { start: "detach", input: { hostLink } };
const compare = (netns = plan.netns) => ({ start: "check", input: { plan: { ...plan, netns } } });
const leave = { to: "links", type: "link.left", replyTo: "<pod>" };
const assigned = (of = plan) => ({ emit: "addresses.assigned", addresses: of.addresses });
const started = (id: string) => ({ emit: "call.started", callId: id });
const queued = (id: string, behind: string) => ({
  emit: "call.queued",
  callId: id,
  why: `behind the ${behind} of the same attachment`,
});
const timeout = (doing: string, seconds: number) =>
  counted({ code: "TIMEOUT", message: `${doing} took more than ${seconds} s` });
const mismatch = { what: "mtu", expected: "1280", found: "1500" };
const unrouted = { lingers: true, atMs: 5 };
const gone = { lingers: false, atMs: 5 };
const removing = (inner: string) => ({ detaching: inner });
const pause = (failed: number) => backoffDelay(failed, { firstMs: 1_000, maxMs: 30_000 }, key);

function begun(start: PodStart = "attach", first: AttachmentCall | null = add("a1"), judged = false) {
  const [registry, links] = [recipient("registry"), recipient("links")];
  const policy = judged ? recipient("policy") : null;
  const pod = drive(podMachine, { slot: 3, plan, start, call: first, registry, links, policy });
  return { ...pod, first: pod.start() };
}

function standing() {
  const pod = begun();
  pod.done("attach");
  return pod;
}

/** Nothing is left in the kernel; its ADD waits for other addresses. */
function redoing() {
  const pod = standing();
  pod.send(add("a2"));
  pod.done("check", [mismatch]);
  pod.done("detach", gone);
  return pod;
}

describe("an ADD", () => {
  it("is attached and answered", () => {
    const { first, done, timers, at } = begun();
    expect(first).toEqual([attach()]);
    expect(timers()).toEqual([12_000]);
    expect(done("attach")).toEqual([assigned(), ...attached("a1")]);
    expect(at()).toBe("attached");
  });

  it("that fails is undone before it is answered, and its pod fails", () => {
    const { fail, done, send, at, actor } = begun();
    expect(fail("attach", broken)).toEqual([detach, counted()]);
    expect(done("detach", gone)).toEqual([...unexpected("a1", "ADD"), idle(5)]);
    expect(send({ type: "pod.release" })).toEqual([]);
    expect(at()).toBe("failed");
    expect(actor.getSnapshot().status).toBe("done");
  });

  it("that takes 12 s is undone", () => {
    const { fire, done } = begun();
    expect(fire(12_000)).toEqual([detach, { stop: "attach" }, timeout("attaching", 12)]);
    expect(done("detach", gone)).toEqual([...late("a1", "ADD", "attaching", 12), idle(5)]);
  });

  it("is undone when nobody waits for it any more, or a DEL came", () => {
    const one = begun();
    expect(one.send({ type: "pod.withdrawn", requestId: "a1" })).toEqual(withdrawn("a1", "attaching"));
    expect(one.done("attach")).toEqual([detach]);
    expect(one.done("detach", gone)).toEqual([idle(5)]);
    const other = begun();
    expect(other.send(del("d1"))).toEqual(overtaken("a1"));
    expect(other.done("attach")).toEqual([detach]);
    expect(other.done("detach", gone)).toEqual([...detached("d1"), idle(5)]);
    other.send({ type: "pod.release" });
    expect(other.at()).toBe("gone");
    expect(other.actor.getSnapshot().status).toBe("done");
  });

  it("tries four addresses that others route, and then gives up", () => {
    const { fail, done, send } = begun();
    const taken = new HeadcniError("taken", { code: "ADDRESS_TAKEN" });
    for (let tries = 1; tries < 4; tries += 1) {
      expect(fail("attach", taken)).toEqual([detach, counted({ code: "ADDRESS_TAKEN", message: "taken" })]);
      expect(done("detach", gone)).toEqual([idle(5)]);
      const next = planWith(`10.244.1.${tries + 2}`);
      expect(send({ type: "pod.planned", requestId: "a1", plan: next })).toEqual([
        attach(next),
        started("a1"),
      ]);
    }
    expect(send(check("k1"))).toEqual([queued("k1", "ADD")]);
    fail("attach", taken);
    const told = `ADD of ${key}: taken`;
    expect(done("detach", gone)).toEqual([
      ...refused("a1", 11, told, "Every address that was tried is routed by something else."),
      idle(5),
      ...refused("k1", 3, `${key} is not attached`, "Nothing of this attachment is left in the kernel."),
    ]);
  });

  it("that tries another address goes before what waits", () => {
    const { fail, done, send } = begun();
    send(add("a2"));
    fail("attach", new HeadcniError("taken", { code: "ADDRESS_TAKEN" }));
    done("detach", gone);
    send({ type: "pod.planned", requestId: "a1", plan });
    expect(done("attach")).toEqual([compare(), assigned(), ...attached("a1"), started("a2")]);
  });
});

describe("a pod of a node that enforces NetworkPolicies", () => {
  const { podUid } = plan;
  const wanted = (addresses = plan.addresses, namespace = "default", replyTo: string | null = "<pod>") => ({
    ...{ to: "policy", type: "policies.wanted", key, replyTo },
    pod: { podUid, namespace, addresses },
  });
  const released = { to: "policy", type: "policies.released", key };

  it("gets its link once its policies are in force, and is theirs until nothing answers for its addresses", () => {
    const { first, send, done, timers, at } = begun("attach", add("a1"), true);
    expect(first).toEqual([wanted()]);
    expect(at()).toBe("enforcing");
    expect(timers()).toEqual([8_000]);
    expect(send({ type: "policies.inForce" })).toEqual([attach()]);
    expect(done("attach")).toEqual([assigned(), ...attached("a1")]);
    expect(send(del("d1"))).toEqual([detach]);
    expect(done("detach", unrouted)).toEqual([...detached("d1"), leave]);
    expect(send({ type: "link.gone" })).toEqual([released, idle(5)]);
  });

  it("is refused for now where they are not within 8 s", () => {
    const { fire, done } = begun("attach", add("a1"), true);
    expect(fire(8_000)).toEqual([detach, timeout("enforcing its network policies", 8)]);
    expect(done("detach", gone)).toEqual([
      ...late("a1", "ADD", "enforcing its network policies", 8),
      released,
      idle(5),
    ]);
  });

  it("waits for them no longer than its ADD does", () => {
    const one = begun("attach", add("a1"), true);
    expect(one.send({ type: "pod.withdrawn", requestId: "a1" })).toEqual([
      detach,
      ...withdrawn("a1", "enforcing"),
    ]);
    const other = begun("attach", add("a1"), true);
    expect(other.send(del("d1"))).toEqual([detach, ...overtaken("a1")]);
    expect(other.send({ type: "policies.inForce" })).toEqual([]);
    expect(other.done("detach", gone)).toEqual([...detached("d1"), released, idle(5)]);
  });

  it("asks again for other addresses", () => {
    const { send, fail, done } = begun("attach", add("a1"), true);
    send({ type: "policies.inForce" });
    fail("attach", new HeadcniError("taken", { code: "ADDRESS_TAKEN" }));
    expect(done("detach", gone)).toEqual([released, idle(5)]);
    const next = planWith("10.244.1.3");
    expect(send({ type: "pod.planned", requestId: "a1", plan: next })).toEqual([
      started("a1"),
      wanted(next.addresses),
    ]);
    expect(send({ type: "policies.inForce" })).toEqual([attach(next)]);
  });

  it("that stands already tells of itself, and waits for nothing", () => {
    const { first, at } = begun("attached", null, true);
    expect(first).toEqual([wanted(plan.addresses, "", null)]);
    expect(at()).toBe("attached");
  });

  it("is judged by none where it is none of Kubernetes'", () => {
    const pod = drive(podMachine, {
      ...{ slot: 3, start: "attach", call: add("a1"), plan: { ...plan, podUid: "" } },
      ...{ registry: recipient("registry"), links: recipient("links"), policy: recipient("policy") },
    });
    expect(pod.start()).toEqual([attach({ ...plan, podUid: "" })]);
  });
});

describe("a call to an attachment that stands", () => {
  it("is compared with the kernel in the namespace that it names", () => {
    const { send, done, timers, at } = standing();
    expect(send(call("CHECK", "k1", "/run/other"))).toEqual([compare("/run/other"), started("k1")]);
    expect(timers()).toEqual([5_000]);
    expect(done("check", [mismatch])).toEqual(answer("k1", "pod.checked", { mismatches: [mismatch] }));
    expect(at()).toBe("attached");
  });

  it("is the same result for the same ADD again, and another attachment where that differs", () => {
    const { send, done } = standing();
    expect(send(add("a2"))).toEqual([compare(), started("a2")]);
    expect(done("check", [])).toEqual(attached("a2"));
    send(add("a3"));
    expect(done("check", [mismatch])).toEqual([detach]);
    expect(done("detach", gone)).toEqual([idle(5)]);
    const next = planWith("10.244.1.3");
    expect(send({ type: "pod.planned", requestId: "a3", plan: next })).toEqual([attach(next), started("a3")]);
    expect(done("attach")).toEqual([assigned(next), ...attached("a3", next)]);
  });

  it("waits its turn", () => {
    const { send, done } = begun();
    expect(send(check("k1"))).toEqual([queued("k1", "ADD")]);
    expect(send(add("a2"))).toEqual([queued("a2", "ADD")]);
    expect(done("attach")).toEqual([compare(), assigned(), ...attached("a1"), started("k1")]);
    expect(send(check("k2"))).toEqual([queued("k2", "CHECK")]);
    expect(send({ type: "pod.withdrawn", requestId: "k2" })).toEqual(
      withdrawn("k2", "checking, with earlier calls to do"),
    );
    expect(done("check", [])).toEqual([
      compare(),
      ...answer("k1", "pod.checked", { mismatches: [] }),
      started("a2"),
    ]);
  });

  it("fails when the kernel cannot be asked, and changes nothing", () => {
    const { send, fail, fire, at } = standing();
    send(check("k1"));
    expect(fail("check", broken)).toEqual([counted(), ...unexpected("k1", "CHECK")]);
    expect(at()).toBe("attached");
    send(add("a2"));
    expect(fire(5_000)).toEqual([
      { stop: "check" },
      timeout("checking", 5),
      ...late("a2", "ADD", "checking", 5),
    ]);
    expect(at()).toBe("attached");
  });

  it("ends with a DEL, whether it waits or is under way", () => {
    const { send, done } = standing();
    send(check("k1"));
    send(check("k2"));
    expect(send(del("d1"))).toEqual([detach, { stop: "check" }, ...overtaken("k1"), ...overtaken("k2")]);
    expect(send(del("d2"))).toEqual([]);
    expect(send(add("a2"))).toEqual([queued("a2", "DEL")]);
    expect(done("detach", gone)).toEqual([...detached("d1"), ...detached("d2"), idle(5)]);
    expect(send(del("d3"))).toEqual([...overtaken("a2"), ...detached("d3")]);
  });

  it("names what the runtime holds of it and is not so, beside what the kernel has", () => {
    const { send, done } = standing();
    const prevResult = resultOfPlan(planWith("10.244.1.9"), "1.1.0");
    send({ ...check("k1"), request: cniRequest("CHECK", "c1", { prevResult }) });
    const [told] = done("check", [mismatch]);
    expect(told).toMatchObject({
      to: "k1",
      type: "pod.checked",
      mismatches: expect.arrayContaining([mismatch]),
    });
    expect((told as { mismatches?: readonly unknown[] }).mismatches?.length).toBeGreaterThan(1);
  });
});

describe("a removal", () => {
  it("answers once the kernel does not answer for the addresses, and lets its link go with others", () => {
    const { send, done, timers, at } = standing();
    expect(send(del("d1"))).toEqual([detach]);
    expect(timers()).toEqual([10_000]);
    expect(done("detach", unrouted)).toEqual([...detached("d1"), leave]);
    expect(at()).toEqual(removing("releasing"));
    expect(timers()).toEqual([30_000]);
    expect(send(del("d2"))).toEqual(detached("d2"));
    expect(send({ type: "link.gone" })).toEqual([idle(5)]);
    expect(send({ type: "pod.release" })).toEqual([]);
    expect(at()).toBe("gone");
  });

  it("is asked for again when the link is still there after 30 s", () => {
    const { send, done, fire } = standing();
    send(del("d1"));
    done("detach", unrouted);
    expect(fire(30_000)).toEqual([detach]);
  });

  it("that fails tells who waits for it, and is tried again ever more slowly or with the next DEL", () => {
    const { send, fail, fire, timers, at } = standing();
    send(del("d1"));
    send(add("a2"));
    send(del("d0"));
    expect(fail("detach", broken)).toEqual([
      counted(),
      ...unexpected("d1", "DEL"),
      ...unexpected("d0", "DEL"),
    ]);
    send(add("a2"));
    for (let failed = 0; failed < 7; failed += 1) {
      expect(at()).toEqual(removing("backingOff"));
      expect(timers()).toEqual([pause(failed)]);
      expect(fire(pause(failed))).toEqual([detach]);
      expect(fail("detach", broken)).toEqual([counted()]);
    }
    expect(send(del("d2"))).toEqual([detach, ...overtaken("a2")]);
    expect(fire(10_000)).toEqual([
      { stop: "detach" },
      timeout("detaching", 10),
      ...late("d2", "DEL", "detaching", 10),
    ]);
  });

  it("waits its first time again after another ADD", () => {
    const pod = redoing();
    pod.send({ type: "pod.planned", requestId: "a2", plan });
    pod.done("attach");
    pod.send(del("d1"));
    pod.fail("detach", broken);
    expect(pod.timers()).toEqual([pause(0)]);
    const { failure, failedRemovals } = pod.context();
    expect({ failure, failedRemovals }).toEqual({ failure: null, failedRemovals: 1 });
  });

  it("is what a pod begins with where nobody knows what is left", () => {
    expect(begun("detach", del("d1")).first).toEqual([detach]);
    const found = begun("attached", null);
    expect(found.first).toEqual([]);
    expect(found.at()).toBe("attached");
  });
});

describe("an idle pod", () => {
  it("answers what it can itself, and gives back addresses of an ADD that ended meanwhile", () => {
    const { send, at } = redoing();
    expect(at()).toBe("idle");
    expect(send(check("k1"))).toEqual([queued("k1", "removal")]);
    expect(send(del("d1"))).toEqual([...overtaken("a2"), ...overtaken("k1"), ...detached("d1")]);
    expect(send({ type: "pod.planned", requestId: "a2", plan })).toEqual([idle(5)]);
    expect(send(check("k2"))).toEqual([
      queued("k2", "removal"),
      ...refused("k2", 3, `${key} is not attached`, "Nothing of this attachment is left in the kernel."),
    ]);
    expect(at()).toBe("idle");
  });

  it("refuses its ADD when the registry has no addresses", () => {
    const failure = { code: 11, msg: "no address left", details: "" } as const;
    expect(redoing().send({ type: "pod.refused", requestId: "a2", failure })).toEqual(
      answer("a2", "pod.failed", { failure }),
    );
  });

  it("takes only the plan of its oldest call", () => {
    const { send } = redoing();
    send(add("a3"));
    expect(send({ type: "pod.planned", requestId: "a3", plan })).toEqual([idle(5)]);
    expect(send({ type: "pod.planned", requestId: "a2", plan })).toEqual([attach(), started("a2")]);
  });
});

describe("failures of a pod", () => {
  it("are kept until it works again", () => {
    const { fail, context } = begun();
    fail("attach", broken);
    expect(context().failure).toEqual(brokenFailure);
  });
});
