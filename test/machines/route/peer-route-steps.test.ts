import { describe, expect, it } from "vitest";
import { peerRouteMachine } from "../../../machines/route/peer-route-machine.ts";
import type { PeerRouteFacts } from "../../../src/domain/tailnet/route-facts.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const prefix = "10.244.2.0/24";
const announced: PeerRouteFacts = {
  announced: true,
  installed: false,
  nodeId: "8",
  hostName: "n2",
  published: true,
  culprit: "",
};
const installed = { ...announced, installed: true };
const gone = { ...announced, announced: false };
const moved = (state: string) => ({ to: "parent", type: "peerRoute.moved", prefix, state });
const reinstall = { start: "reinstall", input: { prefix } };

function started(facts: PeerRouteFacts, wasInstalled = false) {
  const route = drive(peerRouteMachine, { prefix, facts, wasInstalled, parent: recipient("parent") });
  const first = route.start();
  return {
    ...route,
    first,
    see: (facts: PeerRouteFacts) => route.send({ type: "peerRoute.observed", facts }),
  };
}

describe("a peer's route", () => {
  it.each([
    ["announced", announced, "expected"],
    ["installed", installed, "installed"],
    ["announced by two", { ...installed, culprit: "n3" }, "conflicting"],
    ["of a Node that did not publish it", { ...installed, published: false }, "unconfirmed"],
    [
      "announced by who must not, whatever was published",
      { ...installed, published: false, culprit: "n2" },
      "conflicting",
    ],
    ["not announced, whatever is installed", { ...installed, announced: false }, "lost"],
  ])("that is %s is told", (_, facts, state) => {
    expect(started(facts).first).toEqual([moved(state)]);
  });

  it("is put back half a second after somebody deleted it, until it is seen", () => {
    const { see, fire, done, fail, timers, at, context } = started(installed);
    expect(see(announced)).toEqual([moved("lost")]);
    expect(at()).toEqual({ lost: "missing" });
    expect(timers()).toEqual([500]);
    expect(fire(500)).toEqual([reinstall]);
    expect(fail("reinstall", broken)).toEqual([counted()]);
    expect(at()).toEqual({ lost: "missing" });
    expect(context().failure).toEqual(brokenFailure);
    expect(fire(500)).toEqual([reinstall]);
    expect(done("reinstall")).toEqual([]);
    expect(at()).toEqual({ lost: "repaired" });
    expect(context().failure).toBeNull();
    expect(see(installed)).toEqual([moved("installed")]);
  });

  it("is put back again when it is not seen after five seconds: it was deleted at once", () => {
    const { see, fire, done, timers, at } = started(installed);
    see(announced);
    fire(500);
    done("reinstall");
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([]);
    expect(at()).toEqual({ lost: "missing" });
    expect(fire(500)).toEqual([reinstall]);
  });

  it("is a loss where it was installed before this actor began, and not put back while it is not announced", () => {
    const { first, at, see } = started(announced, true);
    expect(first).toEqual([moved("lost")]);
    expect(at()).toEqual({ lost: "missing" });
    expect(see(gone)).toEqual([moved("lost")]);
    expect(at()).toEqual({ lost: "withdrawn" });
  });

  it("ends when its registry follows it as a row", () => {
    const { send, at, actor } = started(announced);
    expect(send({ type: "peerRoute.release" })).toEqual([]);
    expect(at()).toBe("released");
    expect(actor.getSnapshot().status).toBe("done");
  });
});
