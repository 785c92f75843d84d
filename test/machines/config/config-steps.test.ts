import { describe, expect, it } from "vitest";
import { configMachine } from "../../../machines/config/config-machine.ts";
import type { ConfigReview } from "../../../src/domain/config-change.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const change = { path: "logging.level", from: '"info"', to: '"debug"' };
const same: ConfigReview = { changes: [], refused: [], problems: [] };
const changes: ConfigReview = { ...same, changes: [change] };
const refused: ConfigReview = { ...same, refused: [{ ...change, because: "pods use it" }] };
const invalid: ConfigReview = {
  ...same,
  problems: [{ path: "", source: "config.yaml", found: "nothing", wanted: "must be YAML" }],
};
const review = { start: "review" };
const adopt = { start: "adopt" };
const told = { to: "parent", type: "config.changed", changes: [change] };
const touched = { type: "config.touched" } as const;

function started() {
  const config = drive(configMachine, { parent: recipient("parent") });
  return { ...config, first: config.start() };
}

describe("the configuration", () => {
  it("is watched and read at the start, and read with each touch", () => {
    const { first, send, done, at } = started();
    expect(first).toEqual([{ start: "watch" }, review]);
    expect(send(touched)).toEqual([review, { stop: "review" }]);
    expect(done("review", same)).toEqual([]);
    expect(at()).toEqual({ following: "watching" });
    expect(send(touched)).toEqual([review]);
  });

  it.each([refused, invalid])("is told apart from what holds: %j", (found) => {
    const { done, send, at, context } = started();
    expect(done("review", found)).toEqual([]);
    expect(at()).toEqual({ following: "refused" });
    expect(context().review).toEqual(found);
    send(touched);
    done("review", same);
    expect(at()).toEqual({ following: "watching" });
    expect(context().review).toEqual(same);
  });

  it("is adopted before anybody is told", () => {
    const { done, at, context } = started();
    expect(done("review", changes)).toEqual([adopt]);
    expect(context().review).toEqual(changes);
    expect(done("adopt")).toEqual([told]);
    expect(at()).toEqual({ following: "watching" });
  });

  it("is adopted as far as it may", () => {
    const { done, at } = started();
    expect(done("review", { ...changes, refused: refused.refused })).toEqual([adopt]);
    expect(done("adopt")).toEqual([told]);
    expect(at()).toEqual({ following: "refused" });
  });

  it("is read again when it was touched while it was adopted, once", () => {
    const { done, send } = started();
    done("review", changes);
    expect(send(touched)).toEqual([]);
    expect(done("adopt")).toEqual([review, told]);
    done("review", changes);
    expect(done("adopt")).toEqual([told]);
  });

  it("is watched and read again 10 s after any of it failed, and the failure is over then", () => {
    const { done, send, fail, fire, timers, at, context } = started();
    const [stopWatch, again] = [{ stop: "watch" }, [{ start: "watch" }, review]];
    expect(fail("review", broken)).toEqual([stopWatch, counted()]);
    expect(at()).toBe("backingOff");
    expect(timers()).toEqual([10_000]);
    expect(fire(10_000)).toEqual(again);
    expect(context().failure).toEqual(brokenFailure);
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([{ stop: "review" }, stopWatch]);
    expect(at()).toBe("backingOff");
    fire(10_000);
    done("review", changes);
    expect(context().failure).toBeNull();
    expect(fail("adopt", broken)).toEqual([stopWatch, counted()]);
    fire(10_000);
    done("review", changes);
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([{ stop: "adopt" }, stopWatch]);
    fire(10_000);
    done("review", same);
    const failure = { code: "ENOENT", message: "the directory is gone" };
    expect(send({ type: "config.unwatched", failure })).toEqual([stopWatch, counted(failure)]);
    expect(fire(10_000)).toEqual(again);
    expect(fail("watch", broken)).toEqual([{ stop: "review" }, counted()]);
    expect(at()).toBe("backingOff");
  });
});
