import { expect, test } from "vitest";
import {
  emptyBook,
  endPosting,
  giveUpPosting,
  noteReport,
  postponePosting,
  type ReportBook,
  reportOf,
  settleReports,
} from "../../../src/domain/kubernetes/pod-reports.ts";
import { addWork, beginWork, dropWork, emptyQueue, endWork } from "../../../src/domain/work-queue.ts";

const pod = { namespace: "default", name: "web", uid: "u1" };
const failure = { code: 11, msg: "no address", details: "" } as const;

test.each([
  ["ADD", "NetworkNotAttached", "Attaching"],
  ["DEL", "NetworkNotDetached", "Detaching"],
  ["CHECK", "NetworkNotAsPlanned", "Checking"],
] as const)("a failed %s is %s while %s", (command, reason, action) => {
  expect(reportOf({ command, pod, failure })).toEqual({ pod, reason, action, note: "no address" });
});

test("details follow in brackets; calls about no pod are told to nobody", () => {
  expect(reportOf({ command: "ADD", pod, failure: { ...failure, details: "full" } })?.note).toBe(
    "no address (full)",
  );
  for (const nobody of [{ uid: "" }, { namespace: "" }, { name: "" }])
    expect(reportOf({ command: "ADD", pod: { ...pod, ...nobody }, failure })).toBeUndefined();
  expect(reportOf({ command: "GC", pod, failure })).toBeUndefined();
});

const report = (uid: string) => ({ pod: { ...pod, uid }, reason: "R", action: "A", note: "n" });
const posted = { namespace: "default", eventName: "web.1" };
const begun = (book: ReportBook): ReportBook => ({ ...book, queue: beginWork(book.queue) });
const noted = (times: number, from = emptyBook, uid = "u1") =>
  Array.from({ length: times }).reduce<ReportBook>((book) => noteReport(book, report(uid)), from);
const done = (book: ReportBook, count: number) => endPosting(begun(book), posted, count);

test("a report is due at once, and then each time its count has doubled", () => {
  let book = done(noted(1), 1);
  const due: number[] = [];
  for (let count = 2; count <= 9; count += 1) {
    book = noteReport(book, report("u1"));
    if (book.queue.waiting.length === 0) continue;
    due.push(count);
    book = done(book, count);
  }
  expect(due).toEqual([2, 4, 8]);
  expect(book.entries["u1 R n"]).toEqual({ report: report("u1"), count: 9, posted, postedCount: 8 });
});

test("posting one leaves the others", () => {
  const book = done(noted(1, noted(1), "u2"), 1);
  expect(Object.keys(book.entries)).toEqual(["u1 R n", "u2 R n"]);
});

test("what is fine again is forgotten, of that pod alone", () => {
  const book = noted(1, noted(1), "u11");
  expect(Object.keys(settleReports(book, "u1").entries)).toEqual(["u11 R n"]);
  expect(settleReports(book, "u1").queue.waiting).toEqual(["u11 R n"]);
});

test("what was posted after its pod was settled leaves nothing", () => {
  const book = settleReports(begun(noted(1)), "u1");
  expect(endPosting(book, posted, 1)).toEqual(emptyBook);
});

test("what cannot be posted now waits behind the others", () => {
  const book = postponePosting(begun(noted(1, noted(1), "u2")));
  expect(book.queue).toEqual({ waiting: ["u2 R n", "u1 R n"], working: null, again: false });
  expect(postponePosting(emptyBook)).toEqual(emptyBook);
});

test("what the API server refuses is forgotten, and begins anew when it returns", () => {
  const asked = noteReport(begun(noted(1)), report("u1"));
  expect(asked.queue.again).toBe(true);
  const book = giveUpPosting(noted(1, asked, "u2"));
  expect(Object.keys(book.entries)).toEqual(["u2 R n"]);
  expect(book.queue).toEqual({ waiting: ["u2 R n"], working: null, again: false });
  expect(noted(1, book).entries["u1 R n"]?.count).toBe(1);
});

test("beyond 200 reports the oldest are forgotten", () => {
  const pods = Array.from({ length: 202 }, (_, index) => `p${index}`);
  const keys = (count: number) =>
    Object.keys(pods.slice(0, count).reduce((book, uid) => noted(1, book, uid), emptyBook).entries);
  expect(keys(200)[0]).toBe("p0 R n");
  expect([keys(202).length, keys(202)[0]]).toEqual([200, "p2 R n"]);
});

test("a key waits once, and returns if it is asked for while in work", () => {
  const two = addWork(addWork(addWork(emptyQueue, "a"), "b"), "a");
  expect(two.waiting).toEqual(["a", "b"]);
  const working = beginWork(two);
  expect(working).toEqual({ waiting: ["b"], working: "a", again: false });
  expect(beginWork(working)).toBe(working);
  expect(endWork(working)).toEqual({ waiting: ["b"], working: null, again: false });
  expect(endWork(addWork(working, "a"))).toEqual({ waiting: ["b", "a"], working: null, again: false });
  expect(beginWork(emptyQueue)).toBe(emptyQueue);
  expect(endWork({ ...emptyQueue, again: true })).toEqual(emptyQueue);
});

test("dropping forgets what waits, not what is in work", () => {
  const working = beginWork(addWork(addWork(emptyQueue, "a"), "b"));
  expect(dropWork(working, () => true)).toEqual({ waiting: [], working: "a", again: false });
  expect(dropWork(working, (key) => key === "a")).toBe(working);
});
