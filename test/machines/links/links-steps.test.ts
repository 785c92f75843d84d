import { expect, test } from "vitest";
import { linksMachine } from "../../../machines/links/links-machine.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

test("links gather, go with one deletion, and each pod is told once", () => {
  const links = drive(linksMachine, undefined);
  const left = (pod: string) => links.send({ type: "link.left", replyTo: recipient(pod) });
  const gone = (pod: string) => ({ to: pod, type: "link.gone" });
  expect(links.start()).toEqual([]);
  expect(links.timers()).toEqual([]);
  expect(left("a")).toEqual([]);
  expect(left("b")).toEqual([]);
  expect(links.timers()).toEqual([100]);
  expect(links.fire(100)).toEqual([{ start: "removeLeaving" }]);
  expect(left("c")).toEqual([]);
  expect(links.done("removeLeaving")).toEqual([gone("a"), gone("b")]);
  expect(links.at()).toBe("gathering");
  links.fire(100);
  expect(links.fail("removeLeaving", broken)).toEqual([counted()]);
  expect(links.context().failure).toEqual(brokenFailure);
  expect(links.timers()).toEqual([1_000]);
  expect(left("d")).toEqual([]);
  expect(links.fire(1_000)).toEqual([{ start: "removeLeaving" }]);
  expect(links.done("removeLeaving")).toEqual([gone("c"), gone("d")]);
  expect(links.at()).toBe("idle");
  expect(links.context()).toEqual({ waiting: [], leaving: [], failure: null });
});
