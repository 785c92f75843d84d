import { type LoginWanted, loginTrouble } from "../../src/domain/login-trouble.ts";
import type { HealthContext, HealthFact } from "./health-events.ts";
import { awaited, healthSetup, initialHealth, problem, unheard, well } from "./health-setup.ts";

type Fact<Type extends HealthFact["type"]> = { readonly event: Extract<HealthFact, { type: Type }> };

const wanted = {
  type: "learn",
  params: ({ context, event }: { context: HealthContext; event: LoginWanted }) => ({
    login: loginTrouble(event, context.authKeyFrom),
  }),
} as const;
const away = {
  type: "learn",
  params: { control: "Headscale is away; what runs keeps running" },
} as const;
const asLogin = { params: ({ event }: { event: LoginWanted }) => event } as const;
const agreed = {
  type: "learn",
  params: ({ event }: Fact<"node.agreed">) => ({ node: event.note, conflict: "" }),
} as const;

/**
 * What makes a node degraded: each region is the last word of one owner. The level of them all is computed in one place
 * (`healthLevel`) and told to STATUS and to the Node's condition; pages read it here.
 */
export const healthMachine = healthSetup.createMachine({
  id: "health",
  context: ({ input }) => initialHealth(input),
  options: { maxIterations: 1_000 },
  type: "parallel",
  on: {
    "health.followed": {
      actions: { type: "keepFollowers", params: ({ event: { type: _, ...listeners } }) => listeners },
    },
  },
  states: {
    service: {
      initial: "starting",
      on: {
        "service.opened": { target: ".serving", actions: { type: "learn", params: { service: "serving" } } },
        "service.closed": {
          target: ".draining",
          actions: { type: "learn", params: { service: "draining" } },
        },
      },
      states: {
        starting: { meta: { limit: "none", because: "how long a start may take the root's states say" } },
        serving: { meta: { limit: "none", because: "new pods are served", log: "info" } },
        draining: {
          meta: { limit: "none", because: "the daemon ends; how long that may take the root says" },
        },
      },
    },
    proof: {
      initial: "recalling",
      on: {
        "proof.given": { target: ".given", actions: { type: "learn", params: { provenOnce: true } } },
        "proof.wanted": { target: ".wanted", actions: { type: "learn", params: { provenOnce: false } } },
      },
      states: {
        recalling: { always: [{ guard: "provenBefore", target: "given" }, { target: "wanted" }] },
        wanted: { meta: { limit: "none", because: "the readiness machine says how long" } },
        given: { meta: { limit: "none", because: "this node may be used, and stays so" } },
      },
    },
    guard: {
      initial: "unknown",
      on: {
        "guard.held": { target: ".ok", actions: { type: "learn", params: { guard: "" } } },
        "guard.repairing": {
          target: ".repairing",
          actions: {
            type: "learn",
            params: ({ event }) => ({ guard: `the guard mends ${event.invariants.join(", ")}` }),
          },
        },
        "guard.fighting": {
          target: ".fighting",
          actions: {
            type: "learn",
            params: ({ event }) => ({
              guard: `somebody undoes what the guard mends: ${event.invariants.join(", ")}`,
            }),
          },
        },
        "guard.failed": {
          target: ".failed",
          actions: {
            type: "learn",
            params: ({ event }) => ({ guard: `the guard cannot mend: ${event.failure.message}` }),
          },
        },
      },
      states: {
        unknown: awaited("the guard has not looked yet"),
        ok: { meta: well },
        repairing: problem("rules or settings of the node are being put right"),
        fighting: problem("another program undoes the guard's repairs"),
        failed: problem("the guard cannot put the node's rules or settings right"),
      },
    },
    tailnet: {
      initial: "unknown",
      on: {
        "tailscale.up": {
          target: ".ok",
          actions: [{ type: "learn", params: { tailnet: "" } }, "releaseHeld"],
        },
        "tailscale.down": {
          target: ".down",
          actions: {
            type: "learn",
            params: ({ event }) => ({ tailnet: `the tailnet is down: ${event.reason}` }),
          },
        },
      },
      states: {
        unknown: awaited("tailscaled has not been looked at yet"),
        ok: { meta: well },
        down: problem("nothing crosses the tailnet; login and route count as they were before"),
      },
    },
    control: {
      initial: "unknown",
      on: {
        "control.restored": {
          target: ".ok",
          actions: [
            { type: "learn", params: { control: "" } },
            { type: "tellHeadscale", params: "control.restored" },
          ],
        },
        "control.lost": {
          target: ".away",
          actions: [away, { type: "tellHeadscale", params: "control.lost" }],
        },
      },
      states: {
        // A tailscaled that was never there has lost nothing.
        unknown: { meta: unheard, on: { "control.lost": { target: "away", actions: away } } },
        ok: { meta: well },
        away: problem("Headscale is away; what runs keeps running"),
      },
    },
    login: {
      initial: "unknown",
      on: {
        "tailscale.loginWanted": [
          {
            guard: { type: "isForgotten", ...asLogin },
            target: ".forgotten",
            actions: [wanted, "dropHeldLogin"],
          },
          {
            guard: { type: "isRefused", ...asLogin },
            target: ".refused",
            actions: [wanted, "dropHeldLogin"],
          },
          { target: ".pending", actions: [wanted, "dropHeldLogin"] },
        ],
        "tailscale.loginEnded": [
          { guard: "tailnetIsDown", actions: { type: "hold", params: ({ event }) => ({ login: event }) } },
          { target: ".ok", actions: { type: "learn", params: { login: "" } } },
        ],
      },
      states: {
        unknown: {
          meta: unheard,
          on: { "tailscale.up": { target: "ok", actions: { type: "learn", params: { login: "" } } } },
        },
        ok: { meta: well },
        pending: problem("the node logs in, and Headscale has not answered"),
        refused: problem("Headscale refuses this node's login: /ready says what to do"),
        forgotten: problem("Headscale does not know this node any more"),
      },
    },
    route: {
      initial: "unknown",
      on: {
        "routes.proven": [
          { guard: "tailnetIsDown", actions: { type: "hold", params: ({ event }) => ({ route: event }) } },
          { target: ".ok", actions: [{ type: "learn", params: { route: "" } }, "tellReadiness"] },
        ],
        "routes.unproven": [
          { guard: "tailnetIsDown", actions: { type: "hold", params: ({ event }) => ({ route: event }) } },
          {
            target: ".unproven",
            actions: { type: "learn", params: ({ event }) => ({ route: event.reason }) },
          },
        ],
      },
      states: {
        unknown: awaited("this node's route has not been proven yet"),
        ok: { meta: well },
        unproven: problem("peers may not reach this node's pods: see the route machines"),
      },
    },
    node: {
      initial: "unknown",
      on: {
        "node.agreed": [
          { guard: { type: "isSure", params: ({ event }) => event }, target: ".ok", actions: agreed },
          { target: ".unsure", actions: agreed },
        ],
        "node.waiting": {
          target: ".waiting",
          actions: { type: "learn", params: ({ event }) => ({ node: event.reason }) },
        },
        "node.conflicting": {
          target: ".conflicting",
          actions: {
            type: "learn",
            params: ({ event }) => ({ node: event.reason, conflict: event.reason }),
          },
        },
      },
      states: {
        unknown: { meta: unheard, always: { guard: "withoutNode", target: "ok" } },
        ok: { meta: well },
        waiting: problem("this node has no pod CIDR"),
        unsure: problem("the Node is gone or the API server away: the pod CIDR is not confirmed"),
        conflicting: problem("the Node has another pod CIDR than the pods that run here"),
      },
    },
    cni: {
      initial: "unknown",
      on: {
        "cni.serving": { target: ".ok", actions: { type: "learn", params: { cni: "" } } },
        "cni.down": {
          target: ".down",
          actions: {
            type: "learn",
            params: ({ event }) => ({ cni: `the CNI socket is down: ${event.failure.message}` }),
          },
        },
      },
      states: {
        unknown: { meta: unheard },
        ok: { meta: well },
        down: problem("the plugin does not reach the daemon: no new pod is served"),
      },
    },
  },
});
