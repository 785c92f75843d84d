import { describe, expect, test } from "vitest";
import type { AddressHint } from "../../../src/domain/addresses/address-hints.ts";
import type { ObservedAttachment } from "../../../src/domain/attachment/attachment.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import type { AddressHints } from "../../../src/ports/address-hints.ts";
import { add, cniRequest, del } from "../../support/cni-requests.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";
import { openPods, startPods } from "../../support/pods-harness.ts";
import { until } from "../../support/until.ts";

describe("start", () => {
  const observed = (id: string, address: string): ObservedAttachment => {
    const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
    const plan = planAttachment(cniRequest("ADD", id), node, { addresses: [address], order: 0 });
    return { ...plan, state: "ready", netnsInode: "1", routedAddresses: [address] };
  };

  test("ADD, DEL, CHECK and GC wait for recovery; ADD also for the guard", async () => {
    const kernel = fakePodNetwork([observed("c1", "10.244.1.2")]);
    const { pods, call, root } = startPods(kernel);
    const added = call(add("c2"));
    const removed = call(del("c1"));
    const checked = call(cniRequest("CHECK", "c1"));
    expect(kernel.calls).toEqual([]);
    pods.send({ type: "pods.recover", prefixes: ["10.244.1.0/24"] });
    expect(await removed.answer()).toMatchObject({ type: "pod.detached" });
    expect(await checked.answer()).toMatchObject({ type: "pod.failed" });
    expect(added.answers).toEqual([]);
    pods.send({ type: "pods.open" });
    expect(await added.answer()).toMatchObject({ type: "pod.attached" });
    expect(root.events).toContainEqual({ type: "pods.recovered", count: 1 });
  });

  test("after a restart the same ADD gives the same result, and recovered addresses are not given again", async () => {
    const first = await openPods();
    const before = await first.call(add("c1")).answer();
    const second = await openPods({}, fakePodNetwork([observed("c1", "10.244.1.2")]));
    const again = await second.call(add("c1")).answer();
    expect({ ...again, requestId: "" }).toEqual({ ...before, requestId: "" });
    expect(await second.call(add("c2")).answer()).toMatchObject({
      result: { ips: [{ address: "10.244.1.3/32" }] },
    });
    expect(second.kernel.violations).toEqual([]);
  });

  test("the cursor and the rest of addresses outlive a restart, by hints that the last daemon wrote at its end", async () => {
    let kept: readonly AddressHint[] = [];
    const hints: AddressHints = {
      read: async () => kept,
      write: async (value) => {
        kept = value;
      },
    };
    const first = startPods(fakePodNetwork(), {}, hints);
    await first.open();
    for (const id of ["c1", "c2", "c3"]) await first.call(add(id)).answer();
    await first.call(del("c3")).answer();
    await until(() => first.counts().rows === 2, "the pod to end");
    first.pods.stop();
    const second = startPods(fakePodNetwork([observed("c1", "10.244.1.2")]), {}, hints);
    await second.open();
    expect(await second.call(add("c9")).answer()).toMatchObject({
      result: { ips: [{ address: "10.244.1.5/32" }] },
    });
    expect(second.pods.getSnapshot().context.pools[0]?.resting).toMatchObject([{ offset: 4 }]);
  });

  test("tries again when the kernel cannot be read, and STATUS says so meanwhile", async () => {
    const kernel = fakePodNetwork();
    kernel.failNext("recover", { code: "CLOSED" });
    const harness = startPods(kernel);
    harness.pods.send({ type: "pods.recover", prefixes: ["10.244.1.0/24"] });
    await until(() => harness.pods.getSnapshot().matches("recoveryFailed"), "the failure");
    const status = cniRequest("STATUS", "");
    expect(await harness.call(status).answer()).toMatchObject({
      type: "pods.status",
      ready: false,
      reason: "recover: CLOSED",
    });
    await harness.open();
    expect(await harness.call(status).answer()).toMatchObject({ type: "pods.status", ready: true });
  });

  test("refuses more waiting calls than it can hold with code 11", async () => {
    const { call } = startPods(fakePodNetwork());
    const calls = Array.from({ length: 513 }, (_, index) => call(add(`c${index}`)));
    expect(calls.filter(({ answers }) => answers.length > 0)).toHaveLength(1);
    expect(calls.at(-1)?.answers).toMatchObject([{ type: "pod.failed", failure: { code: 11 } }]);
  });
});

describe("drain", () => {
  test("lets running calls finish, refuses new ADDs with code 11, still serves DEL", async () => {
    const { call, pods, kernel, root } = await openPods();
    await call(add("c0")).answer();
    const go = kernel.holdUp("attach");
    const running = call(add("c1"));
    pods.send({ type: "pods.drain" });
    expect(await call(add("c2")).answer()).toMatchObject({ type: "pod.failed", failure: { code: 11 } });
    expect(await call(del("c0")).answer()).toMatchObject({ type: "pod.detached" });
    expect(root.types()).not.toContain("pods.drained");
    go();
    expect(await running.answer()).toMatchObject({ type: "pod.attached" });
    await until(() => root.types().includes("pods.drained"), "the drain");
    expect(kernel.links.size).toBe(1);
  });

  test("before the start is over refuses what waits and is done at once", () => {
    const { call, pods, root } = startPods(fakePodNetwork());
    const waiting = call(add("c1"));
    pods.send({ type: "pods.drain" });
    expect(waiting.answers).toMatchObject([{ type: "pod.failed", failure: { code: 11 } }]);
    expect(root.types()).toEqual(["call.refused", "pods.drained"]);
  });
});
