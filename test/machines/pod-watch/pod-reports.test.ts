import { describe, expect, it } from "vitest";
import { createActor, fromPromise } from "xstate";
import {
  type PodReportsEvent,
  type PostOrder,
  podReportsMachine,
} from "../../../machines/pod-watch/pod-reports-machine.ts";
import { KubernetesRequestError } from "../../../src/adapters/kubernetes/kubernetes-error.ts";
import type { PodReport, PostedReport } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const away = new KubernetesRequestError("away", { code: "UNREACHABLE", reason: "ECONNREFUSED" });
const forbidden = new KubernetesRequestError("no", { code: "FORBIDDEN", text: "no" });
const posted = { namespace: "default", eventName: "web.1" };
const report = (uid: string): PodReport => ({
  pod: { namespace: "default", name: "web", uid },
  reason: "NetworkNotAttached",
  note: "no address is free",
  action: "Attaching",
});
const wanted = (uid: string): PodReportsEvent => ({ type: "report.wanted", report: report(uid) });

function start(fail: readonly Error[] = []) {
  const failures = [...fail];
  const orders: PostOrder[] = [];
  const clock = manualClock();
  const actor = createActor(
    podReportsMachine.provide({
      actors: {
        post: fromPromise<PostedReport, PostOrder>(async ({ input }) => {
          orders.push(input);
          const failure = failures.shift();
          if (failure !== undefined) throw failure;
          return posted;
        }),
      },
    }),
    { input: { seed: "n1" }, clock },
  ).start();
  const state = () => actor.getSnapshot().value;
  /** Until nothing is left to tell. */
  const settle = async () => {
    while (state() !== "resting") {
      await until(() => state() !== "posting", "posted");
      clock.fire(clock.running()[0] ?? 0);
    }
  };
  return { orders, actor, settle, send: (event: PodReportsEvent) => actor.send(event) };
}

describe("Events about pods", () => {
  it("take every transition", async () => {
    await walkAllTransitions(podReportsMachine, {
      input: { seed: "n1" },
      events: [wanted("a"), { type: "report.settled", podUid: "a" }],
      outcomes: { post: { done: [posted], error: [away, forbidden] } },
      stateKey: ({ context }) => [context.book.queue, Object.keys(context.book.entries)],
      limit: 2_000,
    });
  });

  it("are posted once, and counted where they are equal: at 1, 2, 4 and 8 times", async () => {
    const { orders, send, settle } = start();
    for (let time = 0; time < 9; time += 1) {
      send(wanted("a"));
      await settle();
    }
    expect(orders.map(({ count, posted: before }) => [count, before?.eventName])).toEqual([
      [1, undefined],
      [2, "web.1"],
      [4, "web.1"],
      [8, "web.1"],
    ]);
  });

  it("count together what comes while the API server is away", async () => {
    const { orders, send, settle } = start([away, away]);
    for (let time = 0; time < 5; time += 1) send(wanted("a"));
    await settle();
    expect(orders.at(-1)).toMatchObject({ count: 5, posted: null });
    expect(orders).toHaveLength(3);
  });

  it("are given up where the API server will not have them, and begin anew with the next one", async () => {
    const { orders, send, settle } = start([forbidden]);
    send(wanted("a"));
    await settle();
    send(wanted("a"));
    await settle();
    expect(orders.map(({ count, posted: before }) => [count, before])).toEqual([
      [1, null],
      [1, null],
    ]);
  });

  it("are forgotten once the pod's network is fine", async () => {
    const { orders, send, settle, actor } = start();
    send(wanted("a"));
    await settle();
    send(wanted("b"));
    send({ type: "report.settled", podUid: "a" });
    await settle();
    send(wanted("a"));
    await settle();
    expect(orders.map(({ report: { pod }, count, posted: before }) => [pod.uid, count, before])).toEqual([
      ["a", 1, null],
      ["b", 1, null],
      ["a", 1, null],
    ]);
    expect(Object.keys(actor.getSnapshot().context.book.entries)).toHaveLength(2);
  });
});
