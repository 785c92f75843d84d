import { describe, expect, it } from "vitest";
import type { PodWatchEvent } from "../../../machines/pod-watch/pod-watch-events.ts";
import { podWatchMachine } from "../../../machines/pod-watch/pod-watch-machine.ts";
import { detachRequest } from "../../../src/domain/attachment/attachment.ts";
import type { NodePod } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import type { KnownAttachment } from "../../../src/domain/kubernetes/pod-watch-join.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const graceMs = 120_000;
const pod = (uid: string): NodePod => ({ uid, runtimeUid: uid, namespace: "default", name: `pod-${uid}` });
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
const attachments = (added: readonly KnownAttachment[], removed: readonly string[] = []): PodWatchEvent => ({
  type: "attachments.changed",
  added,
  removed,
  count: 1,
});
const lost: PodWatchEvent = {
  type: "watch.lost",
  source: "pods",
  failure: { code: "UNREACHABLE", message: "away" },
};
const restored: PodWatchEvent = { type: "watch.restored", source: "pods" };
const refused = (uid: string, msg = "no address"): PodWatchEvent => ({
  type: "call.refused",
  command: "ADD",
  pod: { namespace: "default", name: `pod-${uid}`, uid },
  failure: { code: 11, msg, details: "" },
});
const wanted = (uid: string, note = "no address") => ({
  to: "reports",
  type: "report.wanted",
  report: {
    pod: { namespace: "default", name: `pod-${uid}`, uid },
    reason: "NetworkNotAttached",
    action: "Attaching",
    note,
  },
});
const settled = (podUid: string) => ({ to: "reports", type: "report.settled", podUid });
const begun = [
  { start: "watch", input: { source: "pods", seed: "n1", parent: "<podWatch>" } },
  { start: "reports", input: { seed: "n1" } },
];
const examine = (uid: string) => ({
  start: "examine",
  input: { attachment: { ...attachment(uid), joined: true } },
});
const askToDetach = (uid: string, atMs: number) => ({
  to: "pods",
  type: "pod.detachWanted",
  request: detachRequest(attachment(uid)),
  requestId: `orphan box-${uid}/eth0`,
  replyTo: "<podWatch>",
  atMs,
});
const removed = (uid: string): PodWatchEvent => ({
  type: "pod.detached",
  requestId: `orphan box-${uid}/eth0`,
});
const notRemoved = (uid: string): PodWatchEvent => ({
  type: "pod.failed",
  requestId: `orphan box-${uid}/eth0`,
  failure: { code: 5, msg: "busy", details: "" },
});

function started() {
  const watch = drive(podWatchMachine, { seed: "n1", selective: false, pods: recipient("pods") });
  const first = watch.start();
  return { ...watch, first, at: () => (watch.at() as { working: unknown }).working ?? watch.at() };
}

/** Attachments whose pods are gone, before the first grace period. */
function suspecting(...uids: readonly string[]) {
  const watch = started();
  watch.send(listed(...uids.map(pod)));
  watch.send(attachments(uids.map(attachment)));
  watch.send(listed());
  return watch;
}

/** After two grace periods the first is looked at. */
function examining(...uids: readonly string[]) {
  const watch = suspecting(...uids);
  watch.fire(graceMs);
  watch.fire(graceMs);
  return watch;
}

describe("Events about pods", () => {
  it("go out at once for a pod that is known, and with its first sight for another", () => {
    const { first, send } = started();
    expect(first).toEqual(begun);
    send(listed(pod("a")));
    expect(send(refused("a"))).toEqual([wanted("a")]);
    expect(send(refused("b"))).toEqual([]);
    expect(send(refused("b"))).toEqual([]);
    expect(send(refused("b", "other"))).toEqual([]);
    expect(send(refused("c"))).toEqual([]);
    expect(send(changed("put", pod("b")))).toEqual([wanted("b"), wanted("b", "other")]);
    expect(send(listed(pod("a"), pod("c")))).toEqual([wanted("c"), settled("b")]);
    expect(send(listed(pod("a"), pod("b"), pod("c")))).toEqual([]);
  });

  it("are not made of calls about no pod, and wait for 64 pods at most", () => {
    const { send } = started();
    send(listed());
    send(refused(""));
    for (let index = 0; index < 65; index += 1) send(refused(`p${index}`));
    expect(send(listed(pod("p0"), pod("p1"), pod("p64")))).toEqual([wanted("p1"), wanted("p64")]);
  });

  it("are over once the pod is attached or gone", () => {
    const { send } = started();
    send(listed(pod("a")));
    expect(send(attachments([attachment("a"), attachment("")]))).toEqual([settled("a")]);
    expect(send(changed("removed", pod("a")))).toEqual([settled("a")]);
    expect(send(changed("removed", pod("a")))).toEqual([]);
  });
});

describe("an attachment whose pod is gone", () => {
  it("is looked at after two grace periods and removed where nothing uses it", () => {
    const { fire, done, send, timers, at, context } = suspecting("a");
    expect(at()).toMatchObject({ suspicion: { suspecting: "turning" }, reclaiming: "resting" });
    expect(timers()).toEqual([graceMs]);
    expect(fire(graceMs)).toEqual([]);
    expect(fire(graceMs)).toEqual([examine("a")]);
    expect(timers()).toContain(5_000);
    expect(done("examine", { inUse: false, atMs: 9 })).toEqual([askToDetach("a", 9)]);
    expect(timers()).toContain(15_000);
    expect(send(removed("b"))).toEqual([]);
    expect(at()).toMatchObject({ reclaiming: "detaching" });
    expect(send(removed("a"))).toEqual([]);
    expect(at()).toMatchObject({ reclaiming: "rateLimited" });
    expect(context()).toMatchObject({ reclaimed: 1, queue: { waiting: [], working: null } });
    send(attachments([], ["box-a/eth0"]));
    expect(at()).toMatchObject({ suspicion: "calm" });
    fire(200);
    expect(at()).toMatchObject({ reclaiming: "resting" });
  });

  it("is one of several, one every 200 ms", () => {
    const { done, fire, send } = examining("a", "b");
    done("examine", { inUse: false, atMs: 9 });
    send(removed("a"));
    expect(fire(200)).toEqual([examine("b")]);
  });

  it("is left alone while it waits, when its pod came back", () => {
    const { done, fire, send, at } = examining("a", "b", "c");
    send(changed("put", pod("b")));
    done("examine", { inUse: false, atMs: 9 });
    send(removed("a"));
    expect(fire(200)).toEqual([examine("c")]);
    done("examine", { inUse: true, atMs: 9 });
    fire(200);
    expect(at()).toMatchObject({ reclaiming: "resting" });
  });

  it("is left alone while it waits, when its DEL came", () => {
    const { done, fire, send, at } = examining("a", "b", "c");
    send(attachments([], ["box-b/eth0"]));
    done("examine", { inUse: false, atMs: 9 });
    send(removed("a"));
    expect(fire(200)).toEqual([examine("c")]);
    done("examine", { inUse: true, atMs: 9 });
    fire(200);
    expect(at()).toMatchObject({ reclaiming: "resting" });
  });

  it.each([
    ["is in use", (watch: ReturnType<typeof examining>) => watch.done("examine", { inUse: true, atMs: 9 })],
    ["cannot be looked at", (watch: ReturnType<typeof examining>) => watch.fail("examine", broken)],
    ["is looked at for 5 s", (watch: ReturnType<typeof examining>) => watch.fire(5_000)],
    [
      "is not removed",
      (watch: ReturnType<typeof examining>) => {
        watch.done("examine", { inUse: false, atMs: 9 });
        expect(watch.send(notRemoved("b"))).toEqual([]);
        expect(watch.at()).toMatchObject({ reclaiming: "detaching" });
        return watch.send(notRemoved("a"));
      },
    ],
    [
      "is not removed within 15 s",
      (watch: ReturnType<typeof examining>) => {
        watch.done("examine", { inUse: false, atMs: 9 });
        return watch.fire(15_000);
      },
    ],
  ] as const)("that %s is spared for two more grace periods", (_, happen) => {
    const watch = examining("a");
    happen(watch);
    expect(watch.at()).toMatchObject({ reclaiming: "rateLimited" });
    expect(watch.context()).toMatchObject({
      reclaimed: 0,
      join: { suspects: { "box-a/eth0": "new" } },
      queue: { waiting: [], working: null },
    });
    watch.fire(200);
    expect(watch.fire(graceMs)).toEqual([]);
    expect(watch.fire(graceMs)).toEqual([examine("a")]);
  });

  it("leaves a failure only until the next look", () => {
    const { fail, done, fire, context } = examining("a");
    expect(fail("examine", broken)).toEqual([counted()]);
    expect(context().failure).toEqual(brokenFailure);
    const next = () => {
      fire(200);
      fire(graceMs);
      fire(graceMs);
    };
    next();
    done("examine", { inUse: true, atMs: 9 });
    expect(context().failure).toBeNull();
    next();
    fail("examine", broken);
    next();
    done("examine", { inUse: false, atMs: 9 });
    expect(context().failure).toBeNull();
  });
});

describe("while the API server is away", () => {
  it("nothing is suspected, and all of it anew once the watch goes on", () => {
    const { send, fire, timers, at } = suspecting("a");
    fire(graceMs);
    expect(send(lost)).toEqual([]);
    expect(at()).toMatchObject({ pods: "stale", suspicion: "calm" });
    expect(timers()).toEqual([]);
    send(restored);
    expect(at()).toMatchObject({ pods: "current", suspicion: { suspecting: "turning" } });
    expect(fire(graceMs)).toEqual([]);
    expect(fire(graceMs)).toEqual([examine("a")]);
  });

  it("a change or a list makes it current again", () => {
    const { send, at, context } = suspecting("a");
    send(lost);
    expect(send(changed("put", pod("b")))).toEqual([]);
    expect(at()).toMatchObject({ pods: "current" });
    expect(Object.keys(context().join.pods)).toEqual(["b"]);
    send(lost);
    send(listed(pod("a")));
    expect(at()).toMatchObject({ pods: "current", suspicion: "calm" });
  });

  it("nothing is known before the first list", () => {
    const { send, at } = started();
    send(attachments([attachment("a")]));
    expect(at()).toMatchObject({ pods: "unknown", suspicion: "calm" });
  });
});

describe("a part that fails", () => {
  it.each(["watch", "reports"])(
    "(%s) is started again after 5 s, and what stands is not forgotten",
    (part) => {
      const { send, fail, fire, timers, at, context } = suspecting("a");
      fire(graceMs);
      expect(fail(part, broken).filter((effect) => !("stop" in effect))).toEqual([counted()]);
      expect(at()).toBe("crashed");
      expect(context().current).toBe(false);
      expect(timers()).toEqual([5_000]);
      expect(send(refused("a"))).toEqual([]);
      expect(send(attachments([attachment("b")]))).toEqual([]);
      expect(fire(5_000)).toEqual(begun);
      expect(context().failure).toEqual(brokenFailure);
      send(listed());
      expect(context().failure).toBeNull();
      expect(Object.keys(context().join.suspects)).toEqual(["box-a/eth0", "box-b/eth0"]);
      expect(fire(graceMs)).toEqual([]);
      expect(fire(graceMs)).toEqual([examine("a")]);
    },
  );
});
