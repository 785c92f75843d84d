import { expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import { type LinkGone, linksMachine } from "../../machines/links/links-machine.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

/** Links whose deletions end when the test says so. */
function startLinks() {
  const clock = manualClock();
  const deletions: PromiseWithResolvers<void>[] = [];
  const removeLeaving = fromPromise<void, void>(() => {
    const deletion = Promise.withResolvers<void>();
    deletions.push(deletion);
    return deletion.promise;
  });
  const links = createActor(linksMachine.provide({ actors: { removeLeaving } }), { clock }).start();
  const leave = () => {
    const pod = recorder<LinkGone>();
    links.send({ type: "link.left", replyTo: pod.ref });
    return pod.events;
  };
  const reaches = (state: "idle" | "gathering" | "backingOff") =>
    until(() => links.getSnapshot().matches(state), state);
  return { links, clock, deletions, leave, reaches };
}

const gone = [{ type: "link.gone" }];

test("links that leave within 100 ms are deleted with one request, and each pod is told", async () => {
  const { clock, deletions, leave, reaches } = startLinks();
  const pods = [leave(), leave(), leave()];
  expect(deletions).toHaveLength(0);
  expect(clock.fire(100)).toBe(true);
  expect(deletions).toHaveLength(1);
  deletions[0]?.resolve();
  await reaches("idle");
  expect(pods).toEqual([gone, gone, gone]);
  expect(clock.running()).toEqual([]);
});

test("a link that leaves during a deletion waits for the next one", async () => {
  const { clock, deletions, leave, reaches } = startLinks();
  const first = leave();
  clock.fire(100);
  const late = leave();
  deletions[0]?.resolve();
  await reaches("gathering");
  expect([first, late]).toEqual([gone, []]);
  clock.fire(100);
  deletions[1]?.resolve();
  await reaches("idle");
  expect(late).toEqual(gone);
});

test("a refused deletion is tried again after a second, with those that came meanwhile", async () => {
  const { links, clock, deletions, leave, reaches } = startLinks();
  const pods = [leave()];
  clock.fire(100);
  deletions[0]?.reject(new Error("busy"));
  await reaches("backingOff");
  pods.push(leave());
  expect(links.getSnapshot().context.failure).toMatchObject({ message: "busy" });
  expect(clock.fire(1_000)).toBe(true);
  deletions[1]?.resolve();
  await reaches("idle");
  expect(pods).toEqual([gone, gone]);
  expect(links.getSnapshot().context).toEqual({ waiting: [], leaving: [], failure: null });
});

test("walks all its transitions", async () => {
  const pod = recorder<LinkGone>();
  await walkAllTransitions(linksMachine, {
    input: undefined,
    events: [{ type: "link.left", replyTo: pod.ref }],
    stateKey: ({ context }) => [context.waiting.length, context.leaving.length],
    possible: ({ context }, { type }) =>
      type !== "link.left" || context.waiting.length + context.leaving.length < 2,
  });
});
