import { describe, expect, it } from "vitest";
import { serviceCidrsMachine } from "../../../machines/service-cidrs/service-cidrs-machine.ts";
import type { WatchReport } from "../../../machines/watch/watch-events.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { ServiceCidr } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const source = "serviceCidrs";
const cidr = (name: string, ...prefixes: string[]): ServiceCidr => ({ name, prefixes });
const first = cidr("kubernetes", "10.96.0.0/16", "fd96::/112");
const more = cidr("more", "10.97.0.0/24");
const listed = (...items: ServiceCidr[]): WatchReport<typeof source> => ({
  ...{ type: "watch.listed", source, items, cursor: "1" },
});
const changed = (kind: "put" | "removed", item: ServiceCidr): WatchReport<typeof source> => ({
  ...{ type: "watch.changed", source, changes: [{ kind, item }], cursor: "2" },
});
const watch = { start: "watch", input: { source, seed: "n1", parent: "<serviceCidrs>" } };
const told = (...prefixes: string[]) => ({ to: "parent", type: "services.changed", prefixes });
const write = (...prefixes: string[]) => ({ start: "remember", input: { prefixes } });
const retry = (attempt: number) => backoffDelay(attempt, { firstMs: 500, maxMs: 30_000 }, "n1");

function started(remembered: readonly string[] = []) {
  const machine = drive(serviceCidrsMachine, { seed: "n1", remembered, parent: recipient("parent") });
  return { ...machine, first: machine.start() };
}

describe("the ServiceCIDR objects", () => {
  it("are told and remembered when they are listed, and when they are others than before", () => {
    const { first: begun, send, done } = started();
    expect(begun).toEqual([watch]);
    const both = ["10.96.0.0/16", "fd96::/112"];
    expect(send(listed(first))).toEqual([write(...both), told(...both)]);
    expect(done("remember", both)).toEqual([]);
    expect(send(listed(first))).toEqual([]);
    const all = ["10.96.0.0/16", "10.97.0.0/24", "fd96::/112"];
    expect(send(changed("put", more))).toEqual([write(...all), told(...all)]);
    done("remember", all);
    expect(send(changed("put", more))).toEqual([]);
    expect(send(changed("removed", more))).toEqual([write(...both), told(...both)]);
  });

  it("that an earlier life remembered stand until the API server says otherwise, and are not told again", () => {
    const { send, at } = started(["10.96.0.0/16", "fd96::/112"]);
    expect(send({ type: "watch.lost", source, failure: brokenFailure })).toEqual([]);
    expect(send({ type: "watch.restored", source })).toEqual([]);
    expect(send(listed(first))).toEqual([]);
    expect(at()).toEqual({ working: "kept" });
    expect(send(listed())).toEqual([write(), told()]);
  });

  it("stay while one that another replaced has the same prefix", () => {
    const { send } = started();
    send(listed(more, cidr("again", "10.97.0.0/24")));
    expect(send(changed("removed", more))).toEqual([]);
  });

  it("are remembered as they are in the end where they change meanwhile", () => {
    const { send, done } = started();
    send(listed(first));
    expect(send(changed("removed", first))).toEqual([told()]);
    expect(done("remember", ["10.96.0.0/16", "fd96::/112"])).toEqual([write()]);
  });

  it("are told also while the disk takes nothing, and written ever more slowly", () => {
    const { send, fail, fire, done, timers, at, context } = started();
    expect(send(listed(more))).toContainEqual(told("10.97.0.0/24"));
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(fail("remember", broken)).toEqual([counted()]);
      expect(at()).toEqual({ working: { keeping: "backingOff" } });
      expect(timers()).toEqual([retry(attempt)]);
      expect(fire(retry(attempt))).toEqual([write("10.97.0.0/24")]);
    }
    expect(context().failure).toEqual(brokenFailure);
    expect(done("remember", ["10.97.0.0/24"])).toEqual([]);
    expect(context()).toMatchObject({ failure: null, attempt: 0 });
  });

  it("are watched again 5 s after the watch failed, and stand until then", () => {
    const { send, done, fail, fire, timers, at, context } = started();
    send(listed(more));
    done("remember", ["10.97.0.0/24"]);
    expect(fail("watch", broken)).toEqual([counted()]);
    expect(at()).toBe("crashed");
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([watch]);
    expect(context()).toMatchObject({ failure: null, prefixes: ["10.97.0.0/24"] });
    expect(send(listed(more))).toEqual([]);
  });

  it("takes every transition of its machine", async () => {
    await walkAllTransitions(serviceCidrsMachine, {
      input: { seed: "n1", remembered: [], parent: recipient("parent") },
      events: [
        listed(),
        listed(more),
        changed("put", more),
        changed("removed", more),
        { type: "watch.lost", source, failure: brokenFailure },
        { type: "watch.restored", source },
      ],
      outcomes: { watch: { done: [] }, remember: { done: [[], ["10.97.0.0/24"]] } },
      stateKey: ({ context }) => [
        context.prefixes.length,
        context.remembered.length,
        Math.min(context.attempt, 1),
      ],
    });
  });
});
