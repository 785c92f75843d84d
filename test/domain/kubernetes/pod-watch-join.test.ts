import { expect, test } from "vitest";
import {
  changeAttachments,
  changePods,
  doubtJoin,
  emptyJoin,
  listPods,
  spareSuspect,
  turnJoin,
} from "../../../src/domain/kubernetes/pod-watch-join.ts";

const pod = (runtimeUid: string, uid = runtimeUid) => ({ uid, runtimeUid, namespace: "default", name: uid });
const attachment = (podUid: string, key = `${podUid}/eth0`) => ({
  ...{ key, network: "headcni", containerId: podUid, ifname: "eth0", podUid },
});
const attached = (...uids: string[]) => ({
  ...{ type: "attachments.changed" as const, added: uids.map((uid) => attachment(uid)) },
  ...{ removed: [], count: uids.length },
});
const put = (item: ReturnType<typeof pod>) => ({ kind: "put" as const, item });
const removed = (item: ReturnType<typeof pod>) => ({ kind: "removed" as const, item });
const all = emptyJoin(false);
const selective = emptyJoin(true);

test("an attachment without its pod is a suspect, and an orphan after two turns", () => {
  const join = changeAttachments(listPods(all, [pod("a")]), attached("a", "b"));
  expect(join.suspects).toEqual({ "b/eth0": "new" });
  const first = turnJoin(join);
  expect(first).toMatchObject({ orphans: [], join: { suspects: { "b/eth0": "old" } } });
  expect(turnJoin(first.join).orphans).toEqual(["b/eth0"]);
});

test("a pod that comes late clears the suspicion, one that goes begins it", () => {
  const suspect = turnJoin(changeAttachments(all, attached("a"))).join;
  const cleared = changePods(suspect, [put(pod("a"))]);
  expect(cleared.suspects).toEqual({});
  expect(changePods(cleared, [removed(pod("a"))]).suspects).toEqual({ "a/eth0": "new" });
});

test("what stays a suspect keeps its age while others come and go", () => {
  const old = turnJoin(changeAttachments(all, attached("a"))).join;
  expect(changeAttachments(old, attached("b")).suspects).toEqual({ "a/eth0": "old", "b/eth0": "new" });
  expect(changeAttachments(old, { ...attached(), removed: ["a/eth0"] }).suspects).toEqual({});
});

test("an attachment of no pod is never a suspect", () => {
  expect(changeAttachments(all, attached("")).suspects).toEqual({});
});

test("with a selection only a pod that was once seen can be missed", () => {
  expect(changeAttachments(selective, attached("a")).suspects).toEqual({});
  const before = changeAttachments(changePods(selective, [put(pod("a"))]), attached("a", "b"));
  expect(changePods(before, [removed(pod("a"))]).suspects).toEqual({ "a/eth0": "new" });
  const after = changePods(changeAttachments(selective, attached("a", "b")), [put(pod("a"))]);
  expect(changePods(after, [removed(pod("a"))]).suspects).toEqual({ "a/eth0": "new" });
});

test("a list is the additions and removals that lead to it", () => {
  const join = changeAttachments(listPods(all, [pod("a"), pod("b")]), attached("a", "b"));
  expect(listPods(join, [pod("b"), pod("c")]).suspects).toEqual({ "a/eth0": "new" });
  expect(Object.keys(listPods(join, [pod("b"), pod("c")]).pods)).toEqual(["b", "c"]);
});

test("a mirror that is made anew under another UID is the same static pod", () => {
  const join = changeAttachments(listPods(all, [pod("static", "m1")]), attached("static"));
  const anew = listPods(join, [pod("static", "m2")]);
  expect(anew).toMatchObject({ suspects: {}, pods: { static: { uid: "m2" } } });
  expect(changePods(anew, [removed(pod("static", "m1"))])).toBe(anew);
});

test("what changes no pod gives the same join", () => {
  const join = listPods(all, [pod("a")]);
  expect(changePods(join, [put(pod("a"))])).toBe(join);
  expect(listPods(join, [pod("a")])).toBe(join);
  expect(changePods(join, [removed(pod("b"))])).toBe(join);
});

test("doubt and mercy begin the grace period anew", () => {
  const old = turnJoin(changeAttachments(all, attached("a", "b"))).join;
  expect(doubtJoin(old).suspects).toEqual({ "a/eth0": "new", "b/eth0": "new" });
  expect(spareSuspect(old, "a/eth0").suspects).toEqual({ "a/eth0": "new", "b/eth0": "old" });
  expect(spareSuspect(old, "c/eth0")).toBe(old);
  const { suspects: _, ...kept } = old;
  for (const next of [doubtJoin(old), spareSuspect(old, "a/eth0"), turnJoin(old).join])
    expect(next).toMatchObject(kept);
});

test("no pod goes because another one says that it is its mirror", () => {
  const join = changeAttachments(listPods(all, [pod("a")]), attached("a"));
  const spoof = pod("a", "spoof");
  const beside = changePods(join, [put(spoof)]);
  expect(beside.pods["a"]?.uid).toBe("a");
  expect(changePods(beside, [removed(spoof)]).suspects).toEqual({});
  const spoofFirst = changePods(all, [put(spoof), put(pod("a"))]);
  expect(changePods(changeAttachments(spoofFirst, attached("a")), [removed(spoof)]).suspects).toEqual({});
});
