import { describe, expect, test } from "vitest";
import type { Attachment } from "../../../machines/pods/pods-context.ts";
import type { PodAnswer, PodsReport } from "../../../machines/pods/pods-events.ts";
import { podsMachine } from "../../../machines/pods/pods-machine.ts";
import { add, cniRequest, del } from "../../support/cni-requests.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { openPods, podsSettings } from "../../support/pods-harness.ts";
import { until } from "../../support/until.ts";

describe("ADD", () => {
  test("answers with the attachment's address, interfaces and routes", async () => {
    const { call, kernel } = await openPods();
    expect(await call(add("c1")).answer()).toMatchObject({
      type: "pod.attached",
      result: {
        ips: [{ address: "10.244.1.2/32", interface: 1 }],
        interfaces: [{}, { name: "eth0", sandbox: "/var/run/netns/c1" }],
      },
    });
    expect(kernel.links.size).toBe(1);
  });

  test("gives each of 50 parallel containers an address of its own", async () => {
    const { call, kernel } = await openPods();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => call(add(`c${index}`)).answer()),
    );
    const addresses = answers.map(
      (answer) => answer.type === "pod.attached" && answer.result.ips[0]?.address,
    );
    expect(new Set(addresses).size).toBe(50);
    expect(kernel.violations).toEqual([]);
  });

  test("the same ADD again gives the same result without touching the kernel", async () => {
    const { call, kernel } = await openPods();
    const first = await call(add("c1")).answer();
    const again = await call(add("c1")).answer();
    expect({ ...again, requestId: "" }).toEqual({ ...first, requestId: "" });
    expect(kernel.calls.filter((line) => line.startsWith("attach"))).toHaveLength(1);
  });

  test("the same key in another namespace is cleaned and made anew", async () => {
    const { call, kernel } = await openPods();
    await call(add("c1")).answer();
    expect(await call(add("c1", { netns: "/var/run/netns/other" })).answer()).toMatchObject({
      type: "pod.attached",
      result: { interfaces: [{}, { sandbox: "/var/run/netns/other" }] },
    });
    expect(kernel.links.size).toBe(1);
    expect(kernel.violations).toEqual([]);
  });

  test("takes another address when something else routes the first", async () => {
    const { call, kernel } = await openPods();
    kernel.foreignAddresses.add("10.244.1.2").add("10.244.1.3");
    expect(await call(add("c1")).answer()).toMatchObject({
      type: "pod.attached",
      result: { ips: [{ address: "10.244.1.4/32" }] },
    });
  });

  test("gives up after four addresses with code 11, and nothing is left", async () => {
    const { call, kernel, counts } = await openPods();
    for (let last = 2; last < 100; last += 1) kernel.foreignAddresses.add(`10.244.1.${last}`);
    expect(await call(add("c1")).answer()).toMatchObject({ type: "pod.failed", failure: { code: 11 } });
    expect(kernel.calls.filter((line) => line.startsWith("attach"))).toHaveLength(4);
    await until(() => counts().children === 0, "the pod to end");
    expect(counts()).toMatchObject({ rows: 0, used: 0 });
  });

  test.each([
    [{ code: "NETNS_MISSING", netns: "/n" } as const, 4],
    [{ code: "IFNAME_TAKEN", ifname: "eth0" } as const, 4],
    [{ code: "KERNEL_REFUSED", errno: "ENOMEM", operation: "NEWLINK", text: "" } as const, 5],
    [{ code: "CLOSED" } as const, 11],
  ])("answers $0.code with its CNI code and cleans up", async (failure, code) => {
    const { call, kernel, counts } = await openPods();
    kernel.failNext("attach", failure);
    expect(await call(add("c1")).answer()).toMatchObject({ type: "pod.failed", failure: { code } });
    await until(() => counts().children === 0, "the pod to end");
    expect(counts()).toMatchObject({ rows: 0, used: 0 });
    expect(await call(add("c1")).answer()).toMatchObject({ type: "pod.attached" });
  });

  test("an exhausted pool is code 11 with the numbers, and a DEL makes room", async () => {
    const { call } = await openPods({ prefixes: ["10.244.1.0/29"] });
    for (let index = 0; index < 5; index += 1) await call(add(`c${index}`)).answer();
    expect(await call(add("c9")).answer()).toMatchObject({
      type: "pod.failed",
      failure: { code: 11, msg: "no address left in 10.244.1.0/29: 5 of 5 in use, 0 resting" },
    });
    await call(del("c3")).answer();
    await until(
      () =>
        call(add("c9"))
          .answer()
          .then((answer) => answer.type === "pod.attached"),
      "an address to be free",
    );
  });

  test("an address is not given again while its link is still in the kernel", async () => {
    const { call, kernel } = await openPods({ prefixes: ["10.244.1.0/30"] });
    await call(add("c1")).answer();
    const letGo = kernel.holdReleases();
    await call(del("c1")).answer();
    expect(await call(add("c2")).answer()).toMatchObject({ type: "pod.failed", failure: { code: 11 } });
    letGo();
    await until(
      () =>
        call(add("c2"))
          .answer()
          .then((answer) => answer.type === "pod.attached"),
      "the address to be free",
    );
    expect(kernel.violations).toEqual([]);
  });

  test("a released address rests before it is given again", async () => {
    const given = async (restMs: number) => {
      const { call, counts } = await openPods({ strategy: "dense", restMs });
      await call(add("c1")).answer();
      await call(del("c1")).answer();
      await until(() => counts().rows === 0, "the pod to end");
      const answer = await call(add("c2")).answer();
      return answer.type === "pod.attached" && answer.result.ips[0]?.address;
    };
    expect(await given(0)).toBe("10.244.1.2/32");
    expect(await given(30_000)).toBe("10.244.1.3/32");
  });

  test("gives one address per family, or none at all", async () => {
    const { call, counts } = await openPods({ prefixes: ["10.244.1.0/30", "fd00:1::/64"] });
    expect(await call(add("c1")).answer()).toMatchObject({
      result: { ips: [{ address: "10.244.1.2/32" }, { address: "fd00:1::2/128" }] },
    });
    expect(await call(add("c2")).answer()).toMatchObject({ type: "pod.failed", failure: { code: 11 } });
    expect(counts().used).toBe(2);
  });

  test("two interfaces of one container get an order each", async () => {
    const { call, kernel } = await openPods();
    await call(add("c1")).answer();
    await call(add("c1", { ifname: "net1" })).answer();
    await call(add("c2")).answer();
    expect([...kernel.links.values()].map(({ key, order }) => [key, order])).toEqual([
      ["c1/eth0", 0],
      ["c1/net1", 1],
      ["c2/eth0", 0],
    ]);
  });
});

describe("DEL", () => {
  test("answers once the address answers no more, and leaves nothing", async () => {
    const { call, kernel, counts } = await openPods();
    await call(add("c1")).answer();
    expect(await call(del("c1")).answer()).toMatchObject({ type: "pod.detached" });
    await until(() => counts().children === 0, "the pod to end");
    expect(kernel.links.size + kernel.leaving.size).toBe(0);
    expect(counts()).toMatchObject({ rows: 0, used: 0 });
  });

  test("of an unknown key succeeds at once and takes no slot", async () => {
    const { call, counts } = await openPods();
    expect(call(del("c1", { netns: "" })).answers).toMatchObject([{ type: "pod.detached" }]);
    expect(counts()).toMatchObject({ slots: 0, children: 0 });
  });

  test("twice at once and twice in a row succeeds", async () => {
    const { call } = await openPods();
    await call(add("c1")).answer();
    const answers = await Promise.all([
      call(del("c1")).answer(),
      call(del("c1")).answer(),
      call(del("c1")).answer(),
    ]);
    expect(answers.map(({ type }) => type)).toEqual(["pod.detached", "pod.detached", "pod.detached"]);
    expect(await call(del("c1")).answer()).toMatchObject({ type: "pod.detached" });
  });

  test("cancels the running and waiting ADDs of its key; a later ADD is served", async () => {
    const { call, kernel } = await openPods();
    const go = kernel.holdUp("attach");
    const running = call(add("c1"));
    const waiting = call(add("c1"));
    const other = call(add("c2"));
    const removed = call(del("c1"));
    const later = call(add("c1"));
    expect(await running.answer()).toMatchObject({ type: "pod.failed", failure: { code: 11 } });
    expect(await waiting.answer()).toMatchObject({ type: "pod.failed", failure: { code: 11 } });
    expect(removed.answers).toEqual([]);
    go();
    expect(await removed.answer()).toMatchObject({ type: "pod.detached" });
    expect(await later.answer()).toMatchObject({ type: "pod.attached" });
    expect(await other.answer()).toMatchObject({ type: "pod.attached" });
    expect(kernel.violations).toEqual([]);
    expect([running, waiting, other, removed, later].map(({ answers }) => answers.length)).toEqual([
      1, 1, 1, 1, 1,
    ]);
  });

  test("an ADD after DEL waits until the old link is gone", async () => {
    const { call, kernel } = await openPods();
    await call(add("c1")).answer();
    const letGo = kernel.holdReleases();
    await call(del("c1")).answer();
    const again = call(add("c1"));
    letGo();
    expect(await again.answer()).toMatchObject({ type: "pod.attached" });
    expect(kernel.violations).toEqual([]);
  });

  test("that the kernel refuses fails, and is done by itself or at the next DEL", async () => {
    const { call, kernel, counts } = await openPods();
    await call(add("c1")).answer();
    kernel.failNext("detach", { code: "KERNEL_REFUSED", errno: "EBUSY", operation: "DELROUTE", text: "" });
    expect(await call(del("c1")).answer()).toMatchObject({ type: "pod.failed", failure: { code: 5 } });
    expect(await call(del("c1")).answer()).toMatchObject({ type: "pod.detached" });
    await until(() => counts().children === 0, "the pod to end");
  });
});

describe("CHECK", () => {
  test("finds nothing wrong, names what is, and knows what is not attached", async () => {
    const { call, kernel } = await openPods();
    await call(add("c1")).answer();
    expect(await call(cniRequest("CHECK", "c1")).answer()).toMatchObject({
      type: "pod.checked",
      mismatches: [],
    });
    kernel.links.clear();
    expect(await call(cniRequest("CHECK", "c1")).answer()).toMatchObject({ mismatches: [{ what: "link" }] });
    expect(await call(cniRequest("CHECK", "c2")).answer()).toMatchObject({
      type: "pod.failed",
      failure: { code: 3 },
    });
  });

  test("that cannot be made fails and leaves the attachment alone", async () => {
    const { call, kernel } = await openPods();
    await call(add("c1")).answer();
    kernel.failNext("check", { code: "CLOSED" });
    expect(await call(cniRequest("CHECK", "c1")).answer()).toMatchObject({
      type: "pod.failed",
      failure: { code: 11 },
    });
    expect(await call(cniRequest("CHECK", "c1")).answer()).toMatchObject({
      type: "pod.checked",
      mismatches: [],
    });
  });
});

describe("a pod that dies of a mistake", () => {
  async function dead() {
    const harness = await openPods();
    await harness.call(add("c1")).answer();
    const waiting = harness.call(cniRequest("CHECK", "c1"));
    const queued = harness.call(add("c1"));
    harness.pods.send({ type: "xstate.error.actor.pod:0", actorId: "pod:0", error: new Error("a mistake") });
    for (const { answers } of [waiting, queued])
      expect(answers).toMatchObject([{ type: "pod.failed", failure: { code: 999 } }]);
    expect(harness.counts()).toMatchObject({ children: 0, used: 1 });
    return harness;
  }

  test("leaves its addresses in use until a DEL has asked the kernel", async () => {
    const { call, kernel, counts } = await dead();
    expect(await call(cniRequest("CHECK", "c1")).answer()).toMatchObject({ failure: { code: 3 } });
    expect(kernel.links.size).toBe(1);
    expect(await call(del("c1")).answer()).toMatchObject({ type: "pod.detached" });
    await until(() => counts().rows === 0, "the pod to end");
    expect(kernel.links.size).toBe(0);
    expect(counts()).toMatchObject({ children: 0, used: 0 });
  });

  test("is cleaned up before the same ADD is served anew", async () => {
    const { call, kernel } = await dead();
    expect(await call(add("c1")).answer()).toMatchObject({ type: "pod.attached" });
    expect(kernel.violations).toEqual([]);
  });
});

describe("what the root hears", () => {
  test("which attachments stand and how many there are, and what failed about which pod", async () => {
    const { call, root, counts } = await openPods({ prefixes: ["10.244.1.0/30"] });
    await call(add("c1")).answer();
    await call(add("c2")).answer();
    await call(del("c1")).answer();
    await until(() => counts().children === 0, "the pod to end");
    const heard = root.events.filter(({ type }) => type !== "pods.recovered");
    expect(heard).toMatchObject([
      { type: "attachments.changed", added: [], count: 1 },
      { type: "attachments.changed", added: [{ key: "c1/eth0", podUid: "uid-c1" }], count: 1 },
      { type: "call.refused", command: "ADD", pod: { uid: "uid-c2" }, failure: { code: 11 } },
      { type: "attachments.changed", removed: ["c1/eth0"], count: 1 },
      { type: "attachments.changed", removed: [], count: 0 },
    ]);
  });

  test("while the root says why new attachments are refused, those that stand are served on", async () => {
    const { call, pods } = await openPods();
    await call(add("c1")).answer();
    pods.send({ type: "pods.refuseAttach", reason: "the Node has another pod CIDR" });
    expect(await call(add("c2")).answer()).toMatchObject({
      type: "pod.failed",
      failure: { code: 11, msg: "the Node has another pod CIDR" },
    });
    expect(await call(add("c1")).answer()).toMatchObject({ type: "pod.attached" });
    expect(await call(del("c1")).answer()).toMatchObject({ type: "pod.detached" });
    pods.send({ type: "pods.refuseAttach", reason: "" });
    expect(await call(add("c2")).answer()).toMatchObject({ type: "pod.attached" });
  });
});

test("walks all its transitions", async () => {
  const replyTo = recorder<PodAnswer>().ref;
  const common = { requestId: "r", replyTo, atMs: 0 };
  const failure = { code: 11, msg: "", details: "" } as const;
  await walkAllTransitions(podsMachine, {
    input: { settings: podsSettings, policy: null, parent: recorder<PodsReport>().ref },
    events: [
      { type: "pods.recover", prefixes: ["10.244.1.0/24"] },
      { type: "pods.refuseAttach", reason: "" },
      { type: "pods.open" },
      { type: "pods.drain" },
      { type: "pods.restChanged", restMs: 1 },
      { type: "pod.attachWanted", request: add("c1"), ...common },
      { type: "pod.detachWanted", request: del("c1"), ...common },
      { type: "pod.checkWanted", request: cniRequest("CHECK", "c1"), ...common },
      { type: "pods.collectWanted", network: "headcni", valid: [], ...common },
      { type: "pods.statusWanted", requestId: "r", replyTo },
      { type: "pod.withdrawn", requestId: "r" },
      { type: "pod.detached", requestId: "r" },
      { type: "pod.failed", requestId: "r", failure },
      { type: "pod.answered", slot: 0, answer: { type: "pod.detached", requestId: "r" } },
      { type: "pod.idle", slot: 0, releasedAtMs: 1 },
    ],
    outcomes: { recover: { done: [{ attachments: [], hints: [] }] } },
    stateKey: ({ context }) => [
      context.opened,
      context.held.length,
      context.collections.length,
      context.slots.map(
        (one: Attachment | null) => one && [one.key, one.plan === null, one.standing, one.calls.length],
      ),
    ],
    possible: ({ context }, event) =>
      !event.type.endsWith("Wanted") ||
      context.held.length +
        context.collections.length +
        context.slots.reduce(
          (sum: number, one: Attachment | null) => sum + (one ? Math.max(1, one.calls.length) : 0),
          0,
        ) <
        2,
  });
});
