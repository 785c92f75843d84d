import { describe, expect, test } from "vitest";
import { aliasNetwork } from "../../../src/domain/attachment/link-alias.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import { add, cniRequest, del } from "../../support/cni-requests.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";
import { openPods, startPods } from "../../support/pods-harness.ts";
import { until } from "../../support/until.ts";

describe("GC", () => {
  const gc = (ids: readonly string[], network = "headcni") =>
    cniRequest("GC", "", {
      network,
      validAttachments: ids.map((containerId) => ({ containerId, ifname: "eth0" })),
    });

  test("removes what its network no longer knows, and only that", async () => {
    const { call, kernel } = await openPods();
    for (const id of ["c1", "c2", "c3"]) await call(add(id)).answer();
    await call(add("c4", { network: "other" })).answer();
    expect(await call(gc(["c2"])).answer()).toMatchObject({
      type: "pods.collected",
      removed: 2,
      failures: [],
    });
    expect([...kernel.links.values()].map(({ key }) => key)).toEqual(["c2/eth0", "c4/eth0"]);
    expect(await call(gc(["c2"])).answer()).toMatchObject({ type: "pods.collected", removed: 0 });
  });

  test("goes on after an error and reports it", async () => {
    const { call, kernel } = await openPods();
    for (const id of ["c1", "c2", "c3"]) await call(add(id)).answer();
    kernel.failNext("detach", { code: "CLOSED" });
    const answer = await call(gc([])).answer();
    expect(answer).toMatchObject({ type: "pods.collected", removed: 2, failures: [{ code: 11 }] });
  });

  test("knows an earlier daemon's attachments of a network whose name is too long for an alias", async () => {
    const network = "n".repeat(60);
    const made = planAttachment(
      add("c1", { network }),
      { routerAddresses: [], mtu: 1280 },
      { addresses: ["10.244.1.2"], order: 0 },
    );
    const kernel = fakePodNetwork([
      { ...made, network: aliasNetwork(network), state: "ready", netnsInode: "1", routedAddresses: [] },
    ]);
    const { call } = await openPods({}, kernel);
    expect(await call(gc([], network)).answer()).toMatchObject({ type: "pods.collected", removed: 1 });
  });

  test("leaves a running ADD alone", async () => {
    const { call, kernel } = await openPods();
    const go = kernel.holdUp("attach");
    const running = call(add("c1"));
    expect(await call(gc([])).answer()).toMatchObject({ removed: 0 });
    go();
    expect(await running.answer()).toMatchObject({ type: "pod.attached" });
  });

  test("knows an attachment by its full id even when the id is too long for an alias", async () => {
    const { call, kernel } = await openPods();
    const long = "a".repeat(200);
    await call(add(long)).answer();
    expect(await call(gc([long])).answer()).toMatchObject({ removed: 0 });
    expect(kernel.links.size).toBe(1);
  });
});

describe("a call that nobody waits for any more", () => {
  test("a running ADD is undone and the refusal says how far it was", async () => {
    const { call, pods, kernel, counts } = await openPods();
    const go = kernel.holdUp("attach");
    const running = call(add("c1"));
    pods.send({ type: "pod.withdrawn", requestId: running.requestId });
    expect(running.answers).toMatchObject([
      {
        type: "pod.failed",
        failure: { code: 11, msg: "c1/eth0: not done in time, the attachment is attaching" },
      },
    ]);
    go();
    await until(() => counts().children === 0, "the pod to end");
    expect(counts()).toMatchObject({ rows: 0, used: 0 });
    expect(kernel.links.size).toBe(0);
  });

  test("a running DEL goes on", async () => {
    const { call, pods, kernel, counts } = await openPods();
    await call(add("c1")).answer();
    const go = kernel.holdUp("detach");
    const removed = call(del("c1"));
    pods.send({ type: "pod.withdrawn", requestId: removed.requestId });
    expect(removed.answers).toMatchObject([
      { failure: { code: 11, msg: expect.stringContaining("detaching") } },
    ]);
    go();
    await until(() => counts().children === 0, "the pod to end");
    expect(removed.answers).toHaveLength(1);
  });

  test("a waiting call and a GC are dropped", async () => {
    const { call, pods, kernel } = await openPods();
    await call(add("c1")).answer();
    kernel.holdUp("detach");
    const collecting = call(cniRequest("GC", "", { validAttachments: [] }));
    const waiting = call(add("c1"));
    for (const { requestId } of [collecting, waiting]) pods.send({ type: "pod.withdrawn", requestId });
    expect(collecting.answers).toMatchObject([{ type: "pod.failed", failure: { code: 11 } }]);
    expect(waiting.answers).toMatchObject([{ type: "pod.failed", failure: { code: 11 } }]);
  });

  test("a call that waits for the start is dropped with that reason", () => {
    const { call, pods } = startPods(fakePodNetwork());
    const waiting = call(add("c1"));
    pods.send({ type: "pod.withdrawn", requestId: waiting.requestId });
    expect(waiting.answers).toMatchObject([
      { failure: { code: 11, msg: expect.stringContaining("starting") } },
    ]);
  });
});
