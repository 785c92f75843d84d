import { describe, expect, it } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import { podReportsMachine } from "../../../machines/pod-watch/pod-reports-machine.ts";
import type {
  Examination,
  ExaminationOrder,
  PodWatchEvent,
} from "../../../machines/pod-watch/pod-watch-events.ts";
import { podWatchMachine } from "../../../machines/pod-watch/pod-watch-machine.ts";
import type { PodsCall } from "../../../machines/pods/pods-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import type { NodePod } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import type { KnownAttachment } from "../../../src/domain/kubernetes/pod-watch-join.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const graceMs = 120_000;
const pod = (uid: string, more: Partial<NodePod> = {}): NodePod => ({
  uid,
  runtimeUid: uid,
  namespace: "default",
  name: `pod-${uid}`,
  ...more,
});
const attachment = (podUid: string): KnownAttachment => ({
  key: `box-${podUid}/eth0`,
  network: "headcni",
  containerId: `box-${podUid}`,
  ifname: "eth0",
  podUid,
});
const listed = (...items: NodePod[]): PodWatchEvent => ({
  type: "watch.listed",
  source: "pods",
  items,
  cursor: "1",
});
const changed = (kind: "put" | "removed", item: NodePod): PodWatchEvent => ({
  type: "watch.changed",
  source: "pods",
  changes: [{ kind, item }],
  cursor: "2",
});
const attached = (...added: KnownAttachment[]): PodWatchEvent => ({
  type: "attachments.changed",
  added,
  removed: [],
  count: added.length,
});
const lost: PodWatchEvent = {
  type: "watch.lost",
  source: "pods",
  failure: { code: "UNREACHABLE", message: "away" },
};
const restored: PodWatchEvent = { type: "watch.restored", source: "pods" };
const refused = (uid: string): PodWatchEvent => ({
  type: "call.refused",
  command: "ADD",
  pod: { namespace: "default", name: `pod-${uid}`, uid },
  failure: { code: 11, msg: "no address is free", details: "110 of 110 in use" },
});
const orphanCall = "orphan box-a/eth0";

/** A pod-watch machine; `inUse`: what an examination finds. */
function start({ selective = false, inUse = [] as readonly boolean[] } = {}) {
  const findings = [...inUse];
  const examined: string[] = [];
  const reports: unknown[] = [];
  const clock = manualClock();
  const pods = recorder<PodsCall>();
  const actor = createActor(
    podWatchMachine.provide({
      actors: {
        watch: watchMachine.provide({ actors: { follow: fromCallback(() => undefined) } }),
        reports: podReportsMachine.provide({
          actors: {
            post: fromPromise(async ({ input }) => {
              reports.push(input.report);
              return { namespace: "", eventName: "" };
            }),
          },
        }),
        examine: fromPromise<Examination, ExaminationOrder>(async ({ input }) => {
          examined.push(input.attachment.key);
          return { inUse: findings.shift() ?? false, atMs: 1 };
        }),
      },
    }),
    { input: { seed: "n1", selective, pods: pods.ref }, clock },
  ).start();
  const value = () => actor.getSnapshot().value as { readonly working: Readonly<Record<string, string>> };
  /** Lets two grace periods pass. */
  const wait = () => {
    clock.fire(graceMs);
    clock.fire(graceMs);
  };
  return {
    clock,
    pods,
    examined,
    reports,
    wait,
    join: () => actor.getSnapshot().context.join,
    reclaimed: () => actor.getSnapshot().context.reclaimed,
    send: (event: PodWatchEvent) => actor.send(event),
    reaches: (region: string, state: string) => until(() => value().working[region] === state, state),
    at: (region: string) => value().working[region],
  };
}

describe("the pod-watch machine", () => {
  it("takes every transition", async () => {
    const pods = recorder<PodsCall>().ref;
    await walkAllTransitions(podWatchMachine, {
      input: { seed: "n1", selective: false, pods },
      events: [
        listed(),
        listed(pod("a")),
        changed("put", pod("a")),
        changed("removed", pod("a")),
        attached(attachment("a")),
        { type: "attachments.changed", added: [], removed: ["box-a/eth0"], count: 0 },
        lost,
        restored,
        refused("a"),
        { type: "pod.detached", requestId: orphanCall },
        { type: "pod.failed", requestId: orphanCall, failure: { code: 5, msg: "", details: "" } },
      ],
      outcomes: {
        watch: { done: [] },
        reports: { done: [] },
        examine: {
          done: [
            { inUse: true, atMs: 1 },
            { inUse: false, atMs: 1 },
          ],
        },
      },
      stateKey: ({ context: { join, queue, current, early } }) => [
        Object.keys(join.pods),
        Object.keys(join.attachments),
        join.suspects,
        queue,
        current,
        early.length,
      ],
      limit: 100_000,
    });
  });

  it("removes an attachment whose pod is gone, that nothing lives in and no DEL came for", async () => {
    const { send, wait, reaches, pods, reclaimed } = start();
    send(attached(attachment("a"), attachment("b")));
    send(listed(pod("b")));
    wait();
    await reaches("reclaiming", "detaching");
    expect(pods.events).toMatchObject([
      {
        type: "pod.detachWanted",
        requestId: orphanCall,
        request: { command: "DEL", containerId: "box-a", ifname: "eth0", network: "headcni", netns: "" },
      },
    ]);
    send({ type: "pod.detached", requestId: orphanCall });
    expect(reclaimed()).toBe(1);
  });

  it("removes nothing before the first complete list of pods", () => {
    const { send, at, examined } = start();
    send(attached(attachment("a")));
    expect(at("suspicion")).toBe("calm");
    expect(examined).toEqual([]);
  });

  it("suspects anew after the watch was lost: what happened meanwhile may not be known yet", async () => {
    const { send, at, clock, wait, reaches, examined } = start();
    send(attached(attachment("a")));
    send(listed());
    clock.fire(graceMs);
    send(lost);
    expect(at("suspicion")).toBe("calm");
    send(restored);
    clock.fire(graceMs);
    expect(examined).toEqual([]);
    wait();
    await reaches("reclaiming", "detaching");
  });

  it("leaves alone what a process still lives in, and looks again only after another grace period", async () => {
    const { send, clock, wait, reaches, examined, pods } = start({ inUse: [true] });
    send(attached(attachment("a")));
    send(listed());
    wait();
    await reaches("reclaiming", "rateLimited");
    clock.fire(200);
    clock.fire(graceMs);
    expect(examined).toHaveLength(1);
    clock.fire(graceMs);
    await reaches("reclaiming", "detaching");
    expect(pods.events).toHaveLength(1);
  });

  it("asks once more later when an orphan could not be removed", async () => {
    const { send, clock, wait, reaches, pods } = start();
    send(attached(attachment("a")));
    send(listed());
    wait();
    await reaches("reclaiming", "detaching");
    send({ type: "pod.failed", requestId: orphanCall, failure: { code: 5, msg: "EBUSY", details: "" } });
    clock.fire(200);
    wait();
    await reaches("reclaiming", "detaching");
    expect(pods.events).toHaveLength(2);
  });

  it("knows a static pod by its mirror, whatever the mirror's own UID", () => {
    const { send, at } = start();
    send(attached(attachment("static")));
    send(listed(pod("mirror-1", { runtimeUid: "static", name: "proxy-n1" })));
    expect(at("suspicion")).toBe("calm");
    send(changed("put", pod("mirror-2", { runtimeUid: "static", name: "proxy-n1" })));
    send(changed("removed", pod("mirror-1", { runtimeUid: "static", name: "proxy-n1" })));
    expect(at("suspicion")).toBe("calm");
  });

  it("keeps what it knows as it is when a pod was only updated, or is listed again", () => {
    const { send, join } = start();
    send(attached(attachment("a")));
    send(listed(pod("a")));
    const before = join();
    send(changed("put", pod("a")));
    send(listed(pod("a")));
    expect(join()).toBe(before);
  });

  it("knows a pod that a selector left out and took in again within one piece of the stream", () => {
    const { send, at } = start({ selective: true });
    send(attached(attachment("a")));
    send(listed(pod("a")));
    const changes = (["removed", "put"] as const).map((kind) => ({ kind, item: pod("a") }));
    send({ type: "watch.changed", source: "pods", changes, cursor: "2" });
    expect(at("suspicion")).toBe("calm");
  });

  it("does not judge attachments of no pod, nor with a label selector pods it never saw", () => {
    const { send, at } = start({ selective: true });
    send(attached(attachment(""), attachment("unselected"), attachment("a")));
    send(listed(pod("a")));
    expect(at("suspicion")).toBe("calm");
    send(changed("removed", pod("a")));
    expect(at("suspicion")).toEqual({ suspecting: "turning" });
  });

  it("tells on a Pod what failed about it, at the latest when the watch shows the Pod", async () => {
    const { send, reports } = start();
    send(listed(pod("a")));
    send(refused("a"));
    await until(() => reports.length === 1, "reported");
    expect(reports[0]).toEqual({
      pod: { namespace: "default", name: "pod-a", uid: "a" },
      reason: "NetworkNotAttached",
      action: "Attaching",
      note: "no address is free (110 of 110 in use)",
    });
    send(refused("b"));
    send(refused("b"));
    send(changed("put", pod("b")));
    expect(reports).toHaveLength(1);
  });
});
