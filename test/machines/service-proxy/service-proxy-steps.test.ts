import { describe, expect, it } from "vitest";
import { serviceProxyMachine } from "../../../machines/service-proxy/service-proxy-machine.ts";
import type { ServiceProxy } from "../../../src/domain/kubernetes/service-proxy.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const look = { start: "look" };
const told = (proxy: ServiceProxy) => ({ to: "health", type: "serviceProxy.found", proxy });

function started() {
  const machine = drive(serviceProxyMachine, { health: recipient("health") });
  return { ...machine, first: machine.start() };
}

describe("what translates Services' addresses", () => {
  it.each(["netfilter", "ipvs"] as const)(
    "is told when it is %s, once, and looked at in ten minutes",
    (proxy) => {
      const { first, done, fire, timers } = started();
      expect(first).toEqual([look]);
      expect(timers()).toEqual([10_000]);
      expect(done("look", proxy)).toEqual([told(proxy)]);
      expect(timers()).toEqual([600_000]);
      expect(fire(600_000)).toEqual([look]);
      expect(done("look", proxy)).toEqual([]);
    },
  );

  it("is nothing when it is nothing a minute later, too: kube-proxy starts late, and anew", () => {
    const { done, fire, timers } = started();
    expect(done("look", "none")).toEqual([]);
    expect(timers()).toEqual([60_000]);
    fire(60_000);
    expect(done("look", "netfilter")).toEqual([told("netfilter")]);
    fire(600_000);
    expect(done("look", "none")).toEqual([]);
    fire(60_000);
    expect(done("look", "none")).toEqual([told("none")]);
    fire(60_000);
    expect(done("look", "none")).toEqual([]);
    fire(60_000);
    expect(done("look", "netfilter")).toEqual([told("netfilter")]);
  });

  it("stays as told while it cannot be seen, which is tried again in a minute and is no look at nothing", () => {
    const { done, fail, fire, timers, context } = started();
    done("look", "ipvs");
    fire(600_000);
    done("look", "none");
    fire(60_000);
    expect(fail("look", broken)).toEqual([counted()]);
    expect(context()).toMatchObject({ failure: brokenFailure, told: "ipvs" });
    expect(timers()).toEqual([60_000]);
    fire(60_000);
    expect(done("look", "none")).toEqual([]);
    expect(context().failure).toBeNull();
  });

  it("is given up after 10 s and looked at again", () => {
    const { done, fire, timers, context } = started();
    const failure = { code: "TIMEOUT", message: "the check of Services took more than 10 s" };
    done("look", "netfilter");
    fire(600_000);
    expect(fire(10_000)).toEqual([{ stop: "look" }, counted(failure)]);
    expect(context()).toMatchObject({ failure, seen: null });
    expect(timers()).toEqual([60_000]);
  });

  it("takes every transition of its machine", async () => {
    await walkAllTransitions(serviceProxyMachine, {
      input: { health: recipient("health") },
      events: [],
      outcomes: { look: { done: ["netfilter", "ipvs", "none"] } },
      stateKey: ({ context }) => [context.seen, context.told],
    });
  });
});
