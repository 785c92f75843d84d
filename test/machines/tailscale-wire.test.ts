import { describe, expect, test } from "vitest";
import {
  fireAll,
  online,
  process,
  startTailscale,
  tailscaledAway,
  wireGone,
} from "../support/tailscale-desk.ts";

describe("tailscale with headcni-wire", () => {
  test("enters the namespace of a wire that runs and adopts its tailscaled", async () => {
    const { at, say, told, counts, greeted } = startTailscale(true, "wire");
    await at("attending.examining");
    say(online);
    await at("attending.up");
    expect(counts).toMatchObject({ starts: 0, seeks: 0, entered: 1 });
    expect(greeted).toEqual([]);
    expect(told()).toEqual(["tailscale.entered", "tailscale.up"]);
  });

  test("waits for a wire that is not there, says why, and never starts tailscaled", async () => {
    const { at, actor, clock, told, counts, greeted, say } = startTailscale(false, "wire");
    await at("awaitingWire");
    actor.send({ type: "wire.missed", failure: wireGone });
    expect(told()).toEqual(["tailscale.down", "tailscale.left"]);
    expect(actor.getSnapshot().context.failure).toEqual(wireGone);
    actor.send({ type: "wire.found", process: { ...process, attended: false } });
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(counts).toMatchObject({ starts: 0, seeks: 1, entered: 1 });
    expect(greeted).toEqual(["100.64.0.2 0"]);
    fireAll(clock);
    await at("attending.up");
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  test("keeps the namespace while only tailscaled is away, and opens paths to peers after its return", async () => {
    const { at, actor, die, say, told, clock, greeted } = startTailscale(true, "wire");
    await at("attending.examining");
    say(online);
    await at("attending.up");
    die();
    await at("restarting");
    fireAll(clock);
    await at("awaitingWire");
    actor.send({ type: "wire.missed", failure: tailscaledAway });
    expect(told()).toEqual(["tailscale.entered", "tailscale.up", "tailscale.down", "tailscale.down"]);
    actor.send({ type: "wire.found", process: { pid: 77, startTime: "3000", attended: false } });
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(greeted).toEqual(["100.64.0.2 0"]);
  });
});
