import { describe, expect, it } from "vitest";
import type { HealthFact, HealthInput } from "../../../machines/health/health-events.ts";
import { healthMachine } from "../../../machines/health/health-machine.ts";
import { drive, type Effect, recipient } from "../../support/machines/drive.ts";

const failure = { code: "EADDRINUSE", message: "in use" };
const allWell: readonly HealthFact[] = [
  { type: "cni.serving" },
  { type: "node.agreed", note: "" },
  { type: "guard.held" },
  { type: "service.opened" },
  { type: "control.restored" },
  { type: "tailscale.up" },
  { type: "routes.proven" },
  { type: "proof.given" },
];
const well = {
  service: "serving",
  proof: "given",
  guard: "ok",
  tailnet: "ok",
  owner: "ok",
  control: "ok",
  login: "ok",
  route: "ok",
  node: "ok",
  cni: "ok",
};
const down: HealthFact = { type: "tailscale.down", reason: "EXITED" };
const unproven: HealthFact = { type: "routes.unproven", reason: "10.244.1.0/24 is lost" };
const login = (forgotten: boolean, refusal: string): HealthFact => ({
  type: "tailscale.loginWanted",
  forgotten,
  refusal,
});

/** Who was told what: to the Node the reason of its condition, to STATUS whether it is ready, to others the event. */
function told(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (!("to" in effect) || effect.to === "health") return [];
    const { condition, ready } = effect as { condition?: { reason: string }; ready?: boolean };
    return [`${effect.to} ${condition?.reason ?? ready ?? effect.type}`];
  });
}

function started(given: Partial<HealthInput> = {}) {
  const health = drive(healthMachine, {
    authKeyFrom: "credentials",
    kubernetes: true,
    provenBefore: false,
    ...given,
  });
  health.start();
  const first = health.at();
  const followed = told(
    health.send({
      type: "health.followed",
      cni: recipient("cni"),
      node: recipient("node"),
      readiness: recipient("readiness"),
      headscale: recipient("headscale"),
    }),
  );
  return { ...health, first, followed, say: (fact: HealthFact) => told(health.send(fact)) };
}

function healthy() {
  const health = started();
  for (const fact of allWell) health.send(fact);
  return health;
}

describe("health", () => {
  it("knows nothing at its start but what an earlier life proved, and tells who follows", () => {
    const unknown = Object.fromEntries(Object.keys(well).map((region) => [region, "unknown"]));
    const { first, followed } = started();
    // There is an owner only where the tailscaled is not ours.
    Object.assign(unknown, { owner: "ok" });
    expect(first).toEqual({ ...unknown, service: "starting", proof: "wanted" });
    expect(followed).toEqual(["cni false", "node HeadcniStarting"]);
    const before = started({ provenBefore: true, kubernetes: false });
    expect(before.first).toEqual({ ...unknown, service: "starting", proof: "given", node: "ok" });
    expect(before.followed).toEqual(["cni true", "node HeadcniStarting"]);
  });

  it("is well once each owner says so, which the readiness machine hears of the route alone", () => {
    const { say, at } = started();
    const heard = allWell.flatMap(say);
    expect(at()).toEqual(well);
    expect(heard.filter((text) => text.startsWith("readiness"))).toEqual(["readiness readiness.proven"]);
    expect(heard.at(-1)).toBe("node HeadcniServes");
    expect(heard).toContain("cni true");
  });

  it.each<[HealthFact, Partial<Record<keyof typeof well, string>>, string[]]>([
    [{ type: "guard.repairing", invariants: ["node.ownRule"] }, { guard: "repairing" }, ["node GuardBroken"]],
    [{ type: "guard.fighting", invariants: ["node.ownRule"] }, { guard: "fighting" }, ["node GuardBroken"]],
    [{ type: "guard.failed", failure }, { guard: "failed" }, ["node GuardBroken"]],
    [down, { tailnet: "down" }, ["node TailnetDown"]],
    [{ type: "owner.judged", words: "shields up" }, { owner: "wrong" }, []],
    [{ type: "owner.judged", words: "" }, {}, []],
    [{ type: "control.lost" }, { control: "away" }, ["headscale control.lost"]],
    [login(false, ""), { login: "pending" }, []],
    [login(false, "expired"), { login: "refused" }, []],
    [login(true, "expired"), { login: "forgotten" }, []],
    [unproven, { route: "unproven" }, ["cni true", "node RouteUnproven"]],
    [{ type: "node.waiting", reason: "no Node" }, { node: "waiting" }, ["cni true"]],
    [{ type: "node.agreed", note: "its Node is gone" }, { node: "unsure" }, ["cni true"]],
    [
      { type: "node.conflicting", reason: "another" },
      { node: "conflicting" },
      ["cni true", "node PodCIDRConflict"],
    ],
    [{ type: "cni.down", failure }, { cni: "down" }, ["node CniSocketDown"]],
    [{ type: "service.closed" }, { service: "draining" }, []],
    [{ type: "proof.wanted" }, { proof: "wanted" }, ["cni false", "node RouteUnproven"]],
  ])("hears %j, moves that region alone and tells whom it concerns", (fact, moved, heard) => {
    const { say, at } = healthy();
    expect(say(fact)).toEqual(heard);
    expect(at()).toEqual({ ...well, ...moved });
    // The same again is no news.
    expect(say(fact).filter((text) => !text.startsWith("headscale"))).toEqual([]);
  });

  it("counts as stuck a minute after a word is missing or bad, and as not whole until then", () => {
    const { say, actor } = started();
    const limits = () =>
      Object.entries(actor.getSnapshot().getMeta()).flatMap(([state, { limit }]) =>
        limit === "none" ? [] : [`${state} ${limit.ms}`],
      );
    expect(limits()).toContain("health.guard.unknown 60000");
    say({ type: "control.lost" });
    say({ type: "guard.repairing", invariants: ["node.ownRule"] });
    expect(limits()).toContain("health.guard.repairing 60000");
    expect(actor.getSnapshot().hasTag("problem")).toBe(true);
  });

  it("says no more why a login was refused once another is under way", () => {
    const { say, context } = healthy();
    say(login(false, "expired"));
    expect(context().words.login).toContain("expired");
    say(login(false, ""));
    expect(context().words.login).toBe("");
  });

  it("tells when what was wrong is over", () => {
    const { say, at } = healthy();
    say(down);
    expect(say({ type: "tailscale.up" })).toEqual(["node HeadcniServes"]);
    say(unproven);
    expect(say({ type: "routes.proven" })).toEqual([
      "readiness readiness.proven",
      "cni true",
      "node HeadcniServes",
    ]);
    say(unproven);
    say({ type: "control.lost" });
    expect(say({ type: "control.restored" })).toEqual(["headscale control.restored", "node RouteUnproven"]);
    say(login(true, "expired"));
    say({ type: "tailscale.loginEnded" });
    expect(at()).toMatchObject({ login: "ok" });
  });

  it("names a proxy of Services that is not supported to the Node until it is another, and stays well", () => {
    const { say, at } = healthy();
    const found = (proxy: "netfilter" | "ipvs" | "none"): HealthFact => ({
      type: "serviceProxy.found",
      proxy,
    });
    expect(say(found("netfilter"))).toEqual([]);
    expect(say(found("ipvs"))).toEqual(["node ServiceProxyUnsupported"]);
    expect(say(down)).toEqual(["node TailnetDown"]);
    expect(say({ type: "tailscale.up" })).toEqual(["node ServiceProxyUnsupported"]);
    // The message is another.
    expect(say(found("none"))).toEqual(["node ServiceProxyUnsupported"]);
    expect(say(found("netfilter"))).toEqual(["node HeadcniServes"]);
    expect(at()).toEqual(well);
  });

  it("names to the Node why a login is refused while the tailnet is down", () => {
    const { say, send } = healthy();
    say(down);
    const effects = send(login(true, "expired"));
    expect(effects.filter((effect) => "to" in effect && effect.to === "node")).toMatchObject([
      { condition: { message: expect.stringContaining("expired") } },
    ]);
  });

  it("holds what it hears of route and login while the tailnet is down, and takes it over once it is up", () => {
    const { say, at, context } = healthy();
    say(down);
    say(unproven);
    say({ type: "tailscale.loginEnded" });
    expect(at()).toEqual({ ...well, tailnet: "down" });
    expect(context().held).toEqual({ route: unproven, login: { type: "tailscale.loginEnded" } });
    say(login(false, "expired"));
    expect(context().held).toEqual({ route: unproven });
    say({ type: "tailscale.up" });
    expect(at()).toEqual({ ...well, login: "refused", route: "unproven" });
    expect(context().held).toEqual({});
    say(down);
    say({ type: "routes.proven" });
    say({ type: "tailscale.loginEnded" });
    expect(at()).toMatchObject({ login: "refused", route: "unproven" });
    say({ type: "tailscale.up" });
    expect(at()).toEqual(well);
  });

  it("has Headscale told nothing by a tailscaled that never had it", () => {
    const { say, at } = started();
    expect(say({ type: "control.lost" })).toEqual([]);
    expect(at()).toMatchObject({ control: "away" });
  });
});
