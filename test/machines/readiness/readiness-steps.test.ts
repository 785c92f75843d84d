import { describe, expect, it } from "vitest";
import type { ReadinessSettings } from "../../../machines/readiness/readiness-events.ts";
import { readinessMachine } from "../../../machines/readiness/readiness-machine.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const prefixes = ["10.244.1.0/24"];
const record = { start: "recordProof", input: { podCidrs: prefixes } };
const publish = { start: "publishConflist" };
const given = { to: "health", type: "proof.given" };
const wanted = { to: "health", type: "proof.wanted" };

function begun(settings: Partial<ReadinessSettings> = {}) {
  const all = { proofWanted: true, provenPrefixes: [], ...settings, health: recipient("health") };
  const readiness = drive(readinessMachine, all);
  readiness.start();
  return { ...readiness, first: readiness.send({ type: "readiness.begun", prefixes }) };
}

describe("readiness", () => {
  it("records the proof, then publishes, then says so", () => {
    const { first, send, done, at } = begun();
    expect(first).toEqual([wanted]);
    expect(send({ type: "readiness.serving" })).toEqual([]);
    expect(at()).toBe("awaitingProof");
    expect(send({ type: "readiness.proven" })).toEqual([record]);
    expect(done("recordProof")).toEqual([publish]);
    expect(done("publishConflist")).toEqual([given]);
    expect(at()).toBe("published");
  });

  it("does nothing before ADD can be served", () => {
    const { send, at } = begun();
    expect(send({ type: "readiness.proven" })).toEqual([]);
    expect(at()).toBe("notServing");
    expect(send({ type: "readiness.serving" })).toEqual([record]);
  });

  it.each([
    ["an earlier life proved the same pod CIDRs", { provenPrefixes: prefixes }, given],
    ["nobody asks for a proof", { proofWanted: false }, given],
  ])("publishes at once where %s", (_, settings, fact) => {
    const { first, send } = begun(settings);
    expect(first).toEqual([fact]);
    expect(send({ type: "readiness.serving" })).toEqual([publish]);
  });

  it("waits for a proof where an earlier life proved other pod CIDRs", () => {
    const { first, send, at } = begun({ provenPrefixes: ["10.244.2.0/24"] });
    expect(first).toEqual([wanted]);
    send({ type: "readiness.proofWanted", wanted: false });
    send({ type: "readiness.proofWanted", wanted: true });
    expect(send({ type: "readiness.serving" })).toEqual([]);
    expect(at()).toBe("awaitingProof");
    expect(send({ type: "readiness.proofWanted", wanted: false })).toEqual([publish]);
  });

  it("writes proof and conflist again after 5 s, whether one failed or did not end", () => {
    const { send, done, fail, fire, timers, at, context } = begun();
    send({ type: "readiness.serving" });
    send({ type: "readiness.proven" });
    expect(fail("recordProof", broken)).toEqual([counted()]);
    expect(timers()).toEqual([5_000]);
    expect(at()).toBe("backingOff");
    expect(fire(5_000)).toEqual([record]);
    expect(fire(5_000)).toEqual([{ stop: "recordProof" }]);
    expect(at()).toBe("backingOff");
    fire(5_000);
    done("recordProof");
    expect(fire(5_000)).toEqual([{ stop: "publishConflist" }]);
    expect(at()).toBe("backingOff");
    fire(5_000);
    done("recordProof");
    expect(fail("publishConflist", broken)).toEqual([counted()]);
    expect(context().failure).toEqual(brokenFailure);
    fire(5_000);
    done("recordProof");
    done("publishConflist");
    expect(context().failure).toBeNull();
  });

  it("publishes again, and records nothing, where there is no proof to record", () => {
    const { send, fail, fire } = begun({ proofWanted: false });
    send({ type: "readiness.serving" });
    fail("publishConflist", broken);
    expect(fire(5_000)).toEqual([publish]);
  });
});
