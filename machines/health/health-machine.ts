import { type HealthWords, unheardWords } from "../../src/domain/health-regions.ts";
import { type LoginWanted, loginProblem } from "../../src/domain/tailnet/login-problem.ts";
import { mayLast } from "../support/state-limit.ts";
import type { HealthContext, HealthFact } from "./health-events.ts";
import { awaited, healthSetup, problem, unheard, well } from "./health-setup.ts";

type Word<Type extends HealthFact["type"]> = Extract<HealthFact, { type: Type }>;

/** What an owner says moves its region. */
function to(target: string) {
  return { target, actions: "noteChange" } as const;
}

/** Where that is not well, its words go with it. */
function because<Fact extends HealthFact>(target: string, words: (fact: Fact) => Partial<HealthWords>) {
  const params = ({ event }: { readonly event: Fact }) => words(event);
  return { target, actions: [{ type: "learn", params }, "noteChange"] } as const;
}

const wanted = [
  {
    type: "learn",
    params: ({ context, event }: { context: HealthContext; event: LoginWanted }) => ({
      login: loginProblem(event, context.authKeyFrom),
    }),
  },
  "dropHeldLogin",
  "noteChange",
] as const;
const lost = because("away", () => ({ control: "Headscale is unreachable; running pods keep working" }));
const asLogin = { params: ({ event }: { event: LoginWanted }) => event } as const;

/**
 * What makes a node degraded: each region is the last word of one owner. The level of them all is computed in one place
 * (`levelOf`) and told to STATUS and to the Node's condition; pages read it there.
 */
export const healthMachine = healthSetup.createMachine({
  id: "health",
  context: ({ input }) => ({
    ...input,
    words: unheardWords,
    unsupported: "",
    told: null,
    listeners: null,
    held: {},
  }),
  options: { maxIterations: 1_000 },
  type: "parallel",
  on: {
    "health.followed": {
      actions: [
        { type: "keepFollowers", params: ({ event: { type: _, ...listeners } }) => listeners },
        "noteChange",
      ],
    },
    "health.changed": { actions: "publish" },
    "serviceProxy.found": {
      actions: [{ type: "keepProxy", params: ({ event }) => event }, "noteChange"],
    },
  },
  states: {
    service: {
      initial: "starting",
      on: {
        "service.opened": to(".serving"),
        "service.closed": to(".draining"),
      },
      states: {
        starting: { meta: mayLast("the machine headcni limits the start") },
        serving: { meta: mayLast("new pods are served", "info") },
        draining: { meta: mayLast("the daemon stops; the machine headcni limits how long") },
      },
    },
    proof: {
      initial: "recalling",
      on: {
        "proof.given": to(".given"),
        "proof.wanted": to(".wanted"),
      },
      states: {
        recalling: { always: [{ guard: "provenBefore", target: "given" }, { target: "wanted" }] },
        wanted: { meta: mayLast("the machine readiness limits this") },
        given: { meta: mayLast("this node is proven and stays so") },
      },
    },
    guard: {
      initial: "unknown",
      on: {
        "guard.held": to(".ok"),
        "guard.repairing": because(".repairing", ({ invariants }: Word<"guard.repairing">) => ({
          guard: `the guard repairs ${invariants.join(", ")}`,
        })),
        "guard.fighting": because(".fighting", ({ invariants }: Word<"guard.fighting">) => ({
          guard: `another program undoes the guard's repairs: ${invariants.join(", ")}`,
        })),
        "guard.failed": because(".failed", ({ failure }: Word<"guard.failed">) => ({
          guard: `the guard cannot repair the node: ${failure.message}`,
        })),
      },
      states: {
        unknown: awaited("the guard has not checked yet"),
        ok: { meta: well },
        repairing: problem("the guard repairs rules or settings of the node"),
        fighting: problem("another program undoes the guard's repairs"),
        failed: problem("the guard cannot repair the node's rules or settings"),
      },
    },
    tailnet: {
      initial: "unknown",
      on: {
        "tailscale.up": { target: ".ok", actions: ["noteChange", "releaseHeld"] },
        "tailscale.down": because(".down", ({ reason }: Word<"tailscale.down">) => ({
          tailnet: `the tailnet is down: ${reason}`,
        })),
      },
      states: {
        unknown: awaited("tailscaled has not been checked yet"),
        ok: { meta: well },
        down: problem("no packet crosses the tailnet; login and route keep their last state"),
      },
    },
    owner: {
      initial: "ok",
      on: {
        "owner.judged": [
          { guard: { type: "isContent", params: ({ event }) => event }, ...to(".ok") },
          because(".wrong", ({ words }: Word<"owner.judged">) => ({ owner: words })),
        ],
      },
      states: {
        ok: { meta: well },
        wrong: problem("the node's own tailscaled cuts pods off, or will: /ready says what to change"),
      },
    },
    control: {
      initial: "unknown",
      on: {
        "control.restored": {
          target: ".ok",
          actions: ["noteChange", { type: "tellHeadscale", params: "control.restored" }],
        },
        "control.lost": {
          target: ".away",
          actions: [...lost.actions, { type: "tellHeadscale", params: "control.lost" }],
        },
      },
      states: {
        // A tailscaled that was never there has lost nothing.
        unknown: { ...unheard, on: { "control.lost": lost } },
        ok: { meta: well },
        away: problem("Headscale is unreachable; running pods keep working"),
      },
    },
    login: {
      initial: "unknown",
      on: {
        "tailscale.loginWanted": [
          { guard: { type: "isForgotten", ...asLogin }, target: ".forgotten", actions: wanted },
          { guard: { type: "isRefused", ...asLogin }, target: ".refused", actions: wanted },
          { target: ".pending", actions: wanted },
        ],
        "tailscale.loginEnded": [
          { guard: "tailnetIsDown", actions: { type: "hold", params: ({ event }) => ({ login: event }) } },
          to(".ok"),
        ],
      },
      states: {
        unknown: { ...unheard, on: { "tailscale.up": to("ok") } },
        ok: { meta: well },
        pending: problem("the node logs in, and Headscale has not answered"),
        refused: problem("Headscale refuses this node's login: /ready says what to do"),
        forgotten: problem("Headscale no longer knows this node"),
      },
    },
    route: {
      initial: "unknown",
      on: {
        "routes.proven": [
          { guard: "tailnetIsDown", actions: { type: "hold", params: ({ event }) => ({ route: event }) } },
          { target: ".ok", actions: ["noteChange", "tellReadiness"] },
        ],
        "routes.unproven": [
          { guard: "tailnetIsDown", actions: { type: "hold", params: ({ event }) => ({ route: event }) } },
          because(".unproven", ({ reason }: Word<"routes.unproven">) => ({ route: reason })),
        ],
      },
      states: {
        unknown: awaited("this node's route has not been proven yet"),
        ok: { meta: well },
        unproven: problem("it is not proven that peers reach this node's pods: see the route machines"),
      },
    },
    node: {
      initial: "unknown",
      on: {
        "node.agreed": [
          { guard: { type: "isSure", params: ({ event }) => event }, ...to(".ok") },
          because(".unsure", ({ note }: Word<"node.agreed">) => ({ node: note })),
        ],
        "node.waiting": because(".waiting", ({ reason }: Word<"node.waiting">) => ({ node: reason })),
        "node.conflicting": because(".conflicting", ({ reason }: Word<"node.conflicting">) => ({
          node: reason,
        })),
      },
      states: {
        unknown: { ...unheard, always: { guard: "withoutNode", target: "ok" } },
        ok: { meta: well },
        waiting: problem("this node has no pod CIDR"),
        unsure: problem("the Node is gone or the API server unreachable: the pod CIDR is not confirmed"),
        conflicting: problem("the Node has another pod CIDR than the pods that run here"),
      },
    },
    cni: {
      initial: "unknown",
      on: {
        "cni.serving": to(".ok"),
        "cni.down": because(".down", ({ failure }: Word<"cni.down">) => ({
          cni: `the CNI socket is down: ${failure.message}`,
        })),
      },
      states: {
        unknown: { ...unheard },
        ok: { meta: well },
        down: problem("the plugin does not reach the daemon: no new pod is served"),
      },
    },
  },
});
