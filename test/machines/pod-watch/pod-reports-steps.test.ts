import { describe, expect, it } from "vitest";
import { podReportsMachine } from "../../../machines/pod-watch/pod-reports-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";

const report = (uid: string) => ({
  pod: { namespace: "default", name: uid, uid },
  reason: "NetworkNotAttached",
  note: "no address",
  action: "Attaching",
});
const posted = (uid: string) => ({ namespace: "default", eventName: `e-${uid}` });
const post = (uid: string, count = 1, before: object | null = null) => ({
  start: "post",
  input: expect.objectContaining({ report: report(uid), posted: before, count }),
});
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 60_000 }, "n1");

function started() {
  const reports = drive(podReportsMachine, { seed: "n1" });
  reports.start();
  const want = (uid: string) => reports.send({ type: "report.wanted", report: report(uid) });
  return { ...reports, want };
}

describe("Events about pods", () => {
  it("are posted one at a time, five a second at most", () => {
    const { want, done, fire, timers, at } = started();
    expect(want("a")).toEqual([post("a")]);
    expect(timers()).toEqual([12_000]);
    expect(want("b")).toEqual([]);
    expect(done("post", posted("a"))).toEqual([]);
    expect(at()).toBe("rateLimited");
    expect(timers()).toEqual([200]);
    expect(fire(200)).toEqual([post("b")]);
    done("post", posted("b"));
    expect(fire(200)).toEqual([]);
    expect(at()).toBe("resting");
  });

  it("are one Event with a count, posted again when that has doubled, also by what came during the post", () => {
    const { want, done, fire } = started();
    want("a");
    done("post", posted("a"));
    fire(200);
    expect(want("a")).toEqual([post("a", 2, posted("a"))]);
    expect(want("a")).toEqual([]);
    done("post", posted("a"));
    expect(fire(200)).toEqual([post("a", 3, posted("a"))]);
    done("post", posted("a"));
    fire(200);
    expect([want("a"), want("a")]).toEqual([[], []]);
    expect(want("a")).toEqual([post("a", 6, posted("a"))]);
  });

  it("are not posted once the pod is fine", () => {
    const { want, send, done, fire, at } = started();
    want("a");
    want("b");
    send({ type: "report.settled", podUid: "b" });
    send({ type: "report.settled", podUid: "a" });
    done("post", posted("a"));
    fire(200);
    expect(at()).toBe("resting");
  });

  it.each(["UNREACHABLE", "UNAVAILABLE", "UNAUTHORIZED", "ACCESS_INVALID", "TIMEOUT"])(
    "wait longer from time to time while the API server is away (%s)",
    (code) => {
      const { want, done, fail, fire, timers, at, context } = started();
      want("a");
      const failure = { code, message: "away" };
      for (let attempt = 0; attempt < 9; attempt += 1) {
        expect(fail("post", new HeadcniError("away", { code }))).toEqual([counted(failure)]);
        expect(at()).toBe("backingOff");
        expect(timers()).toEqual([wait(attempt)]);
        expect(fire(wait(attempt))).toEqual([post("a")]);
      }
      expect(context().failure).toEqual(failure);
      done("post", posted("a"));
      expect(context()).toMatchObject({ failure: null, attempt: 0 });
    },
  );

  it("wait behind the others after 12 s without an answer", () => {
    const { want, fire } = started();
    want("a");
    want("b");
    expect(fire(12_000)).toEqual([
      { stop: "post" },
      counted({ code: "TIMEOUT", message: "the API server did not answer in time" }),
    ]);
    expect(fire(wait(0))).toEqual([post("b")]);
  });

  it("are given up when the API server will not have them", () => {
    const { want, fail, fire, at, context } = started();
    want("a");
    expect(fail("post", broken)).toEqual([counted()]);
    expect(at()).toBe("rateLimited");
    expect(context()).toMatchObject({ failure: brokenFailure, attempt: 0 });
    expect(fire(200)).toEqual([]);
    expect(want("a")).toEqual([post("a")]);
  });
});
