import { describe, expect, it } from "vitest";
import { createActor, type SnapshotFrom } from "xstate";
import type { CniCommand } from "../../../machines/cni/cni-events.ts";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import type { HealthEvent, HealthFact, HealthInput } from "../../../machines/health/health-events.ts";
import { healthMachine } from "../../../machines/health/health-machine.ts";
import { levelOf } from "../../../machines/health/health-setup.ts";
import type { OwnNodeEvent } from "../../../machines/own-node/own-node-events.ts";
import type { ReadinessEvent } from "../../../machines/readiness/readiness-events.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const failure = { code: "EADDRINUSE", message: "listen EADDRINUSE /run/headcni/cni.sock" };
const input: HealthInput = { authKeyFrom: "credentials", kubernetes: true, provenBefore: false };

/** What a node says of itself until all is well. */
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
const lost: HealthFact = { type: "routes.unproven", reason: "10.244.1.0/24 is lost" };
const down: HealthFact = { type: "tailscale.down", reason: "EXITED" };

function start(facts: readonly HealthFact[] = allWell, given: Partial<HealthInput> = {}) {
  const cni = recorder<CniCommand>();
  const node = recorder<OwnNodeEvent>();
  const readiness = recorder<ReadinessEvent>();
  const headscale = recorder<HeadscaleEvent>();
  const actor = createActor(healthMachine, { input: { ...input, ...given } }).start();
  actor.send({
    type: "health.followed",
    cni: cni.ref,
    node: node.ref,
    readiness: readiness.ref,
    headscale: headscale.ref,
  });
  for (const fact of facts) actor.send(fact);
  return {
    cni,
    node,
    readiness,
    headscale,
    says: (...news: readonly HealthFact[]) => {
      for (const fact of news) actor.send(fact);
      const { readiness: ready, condition } = levelOf(actor.getSnapshot());
      return { ...ready, condition: condition.reason, message: condition.message };
    },
    region: (name: string) => (actor.getSnapshot().value as Record<string, string>)[name],
    snapshot: () => actor.getSnapshot(),
    problem: () => actor.getSnapshot().hasTag("problem"),
  };
}

type HealthSnapshot = SnapshotFrom<typeof healthMachine>;

/** The regions, the tag and what is published say the same. */
function mustAgree(health: HealthSnapshot): null {
  const { service, proof, ...subjects } = health.value;
  const ill = Object.entries(subjects).filter(([, state]) => state !== "ok");
  const { readiness, status, condition } = levelOf(health);
  expect(health.hasTag("problem")).toBe(ill.length > 0);
  expect(readiness.serving).toBe(service === "serving" && subjects.cni === "ok");
  expect(readiness.state === "proven").toBe(readiness.serving && ill.length === 0);
  expect(status.ready).toBe(proof === "given");
  const words: Readonly<Record<string, string>> = health.context.words;
  // Then Headscale is away as a matter of course.
  const without = subjects.tailnet !== "ok" || subjects.login !== "ok";
  const told = ill.flatMap(([region]) => (region === "control" && without ? [] : (words[region] ?? [])));
  const reasons = [...told, health.context.unsupported].filter((reason) => reason !== "");
  expect([...readiness.reasons].sort()).toEqual(reasons.sort());
  if (subjects.guard !== "ok" || subjects.tailnet !== "ok" || proof !== "given")
    expect(condition.status).toBe("True");
  return null;
}

describe("health", () => {
  it("takes every transition, and in every state the regions agree with what is told", async () => {
    const guards: readonly HealthFact[] = [
      { type: "guard.held" },
      { type: "guard.repairing", invariants: ["node.ownRule"] },
      { type: "guard.fighting", invariants: ["node.ownRule"] },
      { type: "guard.failed", failure },
    ];
    const inputs = [input, { ...input, kubernetes: false, provenBefore: true }];
    const login = { type: "tailscale.loginWanted", forgotten: false, refusal: "" } as const;
    const events: readonly HealthEvent[] = [
      ...allWell,
      ...guards,
      lost,
      down,
      login,
      { ...login, refusal: "expired" },
      { ...login, forgotten: true },
      { type: "tailscale.loginEnded" },
      { type: "control.lost" },
      { type: "owner.judged", words: "shields up" },
      { type: "owner.judged", words: "" },
      { type: "node.agreed", note: "this node's Node is gone" },
      { type: "node.waiting", reason: "no Node" },
      { type: "node.conflicting", reason: "another pod CIDR" },
      { type: "cni.down", failure },
      { type: "service.closed" },
      { type: "proof.wanted" },
      { type: "serviceProxy.found", proxy: "ipvs" },
      { type: "health.changed" },
      {
        type: "health.followed",
        cni: recorder<CniCommand>().ref,
        node: recorder<OwnNodeEvent>().ref,
        readiness: recorder<ReadinessEvent>().ref,
        headscale: recorder<HeadscaleEvent>().ref,
      },
    ];
    const starts = inputs.map((one) => createActor(healthMachine, { input: one }).getSnapshot().value);
    const moved = (value: object) =>
      Math.min(
        ...starts.map(
          (start) =>
            Object.entries(value).filter(([region, state]) => start[region as "cni"] !== state).length,
        ),
      );
    // Regions hang together only in what freezes while the tailnet is down: one step shows all, or two where a state was left.
    await walkAllTransitions(healthMachine, {
      input,
      moreInputs: inputs,
      events,
      possible: ({ value }) => moved(value) === (value.tailnet === "down" || value.control === "ok" ? 1 : 0),
      stateKey: (health) => mustAgree(health as HealthSnapshot),
    });
  });

  it("is whole when every region is ok, and with any one of them in another state it is not", () => {
    const { snapshot } = start();
    const { service: _, proof: __, ...subjects } = healthMachine.states;
    for (const [region, { states }] of Object.entries(subjects))
      for (const state of Object.keys(states)) {
        const words = { ...snapshot().context.words, [region]: "why" };
        const health = healthMachine.resolveState({
          value: { ...snapshot().value, [region]: state },
          context: { ...snapshot().context, words },
        });
        mustAgree(health);
        const isOk = state === "ok";
        expect([region, state, health.hasTag("problem")]).toEqual([region, state, !isOk]);
        expect(levelOf(health).readiness.state === "proven").toBe(isOk);
        expect(levelOf(health).readiness.reasons).toEqual(isOk ? [] : ["why"]);
      }
  });

  it("says of a node on which all is well that it is proven, and nothing else", () => {
    const { says, problem, cni, node, readiness } = start();
    expect(says()).toEqual({
      serving: true,
      state: "proven",
      reasons: [],
      condition: "HeadcniServes",
      message: "HeadCNI serves pods on this node",
    });
    expect(problem()).toBe(false);
    expect(cni.events.at(-1)).toEqual({ type: "cni.readiness", ready: true, reason: "" });
    expect(node.events.at(-1)).toMatchObject({ condition: { status: "False" } });
    expect(readiness.types()).toEqual(["readiness.proven"]);
  });

  it("is unproven, and not well, before its owners have spoken", () => {
    const { says, cni, node } = start([]);
    expect(says()).toMatchObject({
      serving: false,
      state: "unproven",
      reasons: [
        "the guard has not checked yet",
        "tailscaled has not been checked yet",
        "this node's route has not been proven yet",
      ],
      condition: "HeadcniStarting",
    });
    expect(cni.events).toEqual([
      { type: "cni.readiness", ready: false, reason: "this node's route has not been proven yet" },
    ]);
    expect(node.events).toMatchObject([{ type: "node.networkWanted", condition: { status: "True" } }]);
  });

  it("lets STATUS succeed from the first moment on a node that was proven in an earlier life", () => {
    expect(start([], { provenBefore: true }).cni.events).toMatchObject([{ ready: true }]);
    const moved = start([{ type: "proof.wanted" }], { provenBefore: true });
    expect(moved.cni.events.at(-1)).toMatchObject({ ready: false });
  });

  it("does not serve, and names the socket, while the CNI socket is down", () => {
    const { says, region, node } = start();
    const reason = "the CNI socket is down: listen EADDRINUSE /run/headcni/cni.sock";
    expect(says({ type: "cni.down", failure })).toEqual({
      serving: false,
      state: "degraded",
      reasons: [reason],
      condition: "CniSocketDown",
      message: reason,
    });
    expect(region("cni")).toBe("down");
    expect(node.events.at(-1)).toMatchObject({ condition: { status: "True", reason: "CniSocketDown" } });
    expect(says({ type: "cni.serving" })).toMatchObject({ serving: true, state: "proven", reasons: [] });
  });

  it.each<[string, HealthFact, string, string, string]>([
    [
      "the guard repairs",
      { type: "guard.repairing", invariants: ["node.ownRule", "node.rules"] as never },
      "degraded",
      "the guard repairs node.ownRule, node.rules",
      "GuardBroken",
    ],
    [
      "the guard is fought",
      { type: "guard.fighting", invariants: ["node.ownRule"] },
      "degraded",
      "another program undoes the guard's repairs: node.ownRule",
      "GuardBroken",
    ],
    ["the tailnet is down", down, "degraded", "the tailnet is down: EXITED", "TailnetDown"],
    ["the route is lost", lost, "unproven", "10.244.1.0/24 is lost", "RouteUnproven"],
    [
      "control is away",
      { type: "control.lost" },
      "degraded",
      "Headscale is unreachable; running pods keep working",
      "HeadcniServes",
    ],
    [
      "the login is refused",
      { type: "tailscale.loginWanted", forgotten: false, refusal: "expired" },
      "degraded",
      "Headscale refuses this node's login (expired): put a new pre-auth key where headscale.authKeyFile points",
      "HeadcniServes",
    ],
    [
      "the Node conflicts",
      { type: "node.conflicting", reason: "the Node's pod CIDR is another" },
      "degraded",
      "the Node's pod CIDR is another",
      "PodCIDRConflict",
    ],
    [
      "the API server is away",
      { type: "node.agreed", note: "the API server has not confirmed the pod CIDR yet" },
      "degraded",
      "the API server has not confirmed the pod CIDR yet",
      "HeadcniServes",
    ],
  ])("serves pods and says why it is not proven when %s", (_, fact, state, reason, condition) => {
    const { says, problem } = start();
    expect(says(fact)).toMatchObject({ serving: true, state, reasons: [reason], condition });
    expect(problem()).toBe(true);
  });

  it("is not whole while a login is under way, which has no words yet", () => {
    const { says } = start();
    const login = { type: "tailscale.loginWanted", forgotten: false, refusal: "" } as const;
    expect(says(login)).toMatchObject({ state: "degraded", reasons: [] });
  });

  it("counts a lost route against the Node only while Headscale is there to say so", () => {
    const { says } = start();
    expect(says({ type: "control.lost" }, lost)).toMatchObject({
      state: "unproven",
      condition: "HeadcniServes",
    });
    expect(says({ type: "control.restored" })).toMatchObject({ condition: "RouteUnproven" });
  });

  it("freezes the route while the tailnet is down, and takes over what it missed", () => {
    const { says, region, readiness } = start();
    expect(says(down, lost)).toMatchObject({ state: "degraded", reasons: ["the tailnet is down: EXITED"] });
    expect(region("route")).toBe("ok");
    expect(says({ type: "tailscale.up" })).toMatchObject({
      state: "unproven",
      reasons: ["10.244.1.0/24 is lost"],
    });
    expect(says(down, { type: "routes.proven" })).toMatchObject({ state: "unproven" });
    expect(readiness.types()).toHaveLength(1);
    expect(says({ type: "tailscale.up" })).toMatchObject({ state: "proven" });
    expect(readiness.types()).toHaveLength(2);
  });

  it("goes on naming a refused login until the tailnet is back", () => {
    const { says, region } = start();
    const asked = {
      type: "tailscale.loginWanted",
      forgotten: true,
      refusal: "invalid pre auth key",
    } as const;
    const said = says(down, asked, { type: "tailscale.loginEnded" });
    expect(said.reasons).toEqual(["the tailnet is down: EXITED", said.message]);
    expect(said.message).toContain("Headscale refuses another login (invalid pre auth key)");
    expect(region("login")).toBe("forgotten");
    expect(says({ type: "tailscale.up" })).toMatchObject({ state: "proven", reasons: [] });
    expect(
      says(down, { type: "tailscale.loginEnded" }, asked, { type: "tailscale.up" }).reasons,
    ).toHaveLength(1);
  });

  it("has Headscale probed after tailscaled lost it, not before it was ever there", () => {
    const { says, headscale } = start([{ type: "control.lost" }]);
    expect(headscale.types()).toEqual([]);
    says({ type: "control.restored" }, { type: "control.lost" });
    expect(headscale.types()).toEqual(["control.restored", "control.lost"]);
  });

  it("tells of each change once, and not what stays", () => {
    const { says, cni, node } = start();
    const before = [cni.events.length, node.events.length];
    says({ type: "guard.held" }, { type: "control.lost" }, { type: "service.closed" });
    expect([cni.events.length, node.events.length]).toEqual(before);
  });
});
