import { describe, expect, test } from "vitest";
import { offline, online, startTailnet } from "../../support/tailnet-harness.ts";
import { until } from "../../support/until.ts";

describe("tailnet with a Headscale that no longer knows this node", () => {
  const forgotten = "needsLogin.forgotten";
  const refused = { ...offline, loginError: "invalid pre auth key" };

  test("a node that Headscale does not know any more stays up, and says so until a login succeeds", async () => {
    const { at, say, told, logins, greeted, actor } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    say({ ...offline, loginWanted: true });
    await at(forgotten);
    // While a login is tried tailscaled tells no difference from an outage of control.
    say(offline);
    await at(forgotten);
    say(refused);
    await at(forgotten);
    expect(logins()).toEqual([
      { type: "tailscale.loginWanted", forgotten: true, refusal: "" },
      { type: "tailscale.loginWanted", forgotten: true, refusal: "" },
      { type: "tailscale.loginWanted", forgotten: true, refusal: "invalid pre auth key" },
    ]);
    say(offline);
    expect(logins().at(-1)).toMatchObject({ refusal: "invalid pre auth key" });
    expect(greeted).toEqual([]);
    // A Headscale that begins anew counts its nodes from 1: the peer of this number may be another.
    say(online);
    await at("greeting");
    expect(greeted).toEqual(["100.64.0.2 400"]);
    actor.send({ type: "peers.greeted" });
    await at("up");
    expect(logins().at(-1)).toEqual({ type: "tailscale.loginEnded" });
    expect(told()).toEqual(["tailscale.up"]);
  });

  test("a daemon that starts while Headscale does not know its node is up on what tailscaled still has", async () => {
    const { at, say, told } = startTailnet();
    await at("examining");
    say({ ...refused, fresh: false });
    await at(forgotten);
    await until(() => told().includes("tailscale.up"), "the report");
  });

  test("one that Headscale deleted, so that no peer answers it any more, is down", async () => {
    const { at, say, told, peersAnswer, clock } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    peersAnswer.value = false;
    say({ ...offline, loginWanted: true });
    await at(forgotten);
    await until(() => told().includes("tailscale.down"), "the report");
    peersAnswer.value = true;
    clock.fire(60_000);
    await until(() => told().at(-1) === "tailscale.up", "another look at the peers");
  });

  test("a login that stays unanswered, because Headscale went away, leaves it waiting for Headscale", async () => {
    const { at, say, actor } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    say({ ...offline, loginWanted: true });
    await at(forgotten);
    actor.send({ type: "login.unanswered" });
    await at(forgotten);
    say(offline);
    actor.send({ type: "login.unanswered" });
    await at("degraded");
  });
});
