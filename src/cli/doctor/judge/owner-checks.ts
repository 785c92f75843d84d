import { ownerAcceptsRoutes } from "../../../domain/owner/owner-preferences.ts";
import type { OwnerProblemCode, OwnerRequirements } from "../../../domain/owner/owner-problem.ts";
import { ownerHindrance, ownerProblems } from "../../../domain/owner/owner-problem.ts";
import type { DoctorSettings, OwnerFault, OwnersTailscaled } from "./facts.ts";
import { type Check, type Checks, fail, type Outcome, ok, warn } from "./finding.ts";

/** The node's own tailscaled, with tailscale.mode: host: before an install, and while HeadCNI runs. */
export const ownerChecks: Checks = {
  "owner.socket"({ owner }, { ownerSocket }) {
    if (owner === undefined) return undefined;
    if ("value" in owner) return ok(`the node's tailscaled answers on ${ownerSocket}`);
    const { found, todo } = unseen[owner.fault];
    return fail({
      found: `${found}: ${owner.unknown}`,
      why: "It carries everything between this node's pods and other nodes.",
      todo,
    });
  },

  "owner.version": judged(
    "TOO_OLD",
    "Before that it reports changes of the tailnet differently.",
    ({ facts }) => ok(`tailscaled ${facts.version}`),
  ),
  "owner.interface": judged(
    "NO_TUN",
    "Without an interface no packet of a pod gets into the tailnet.",
    ({ facts: { terms } }) =>
      terms === null ? ok("it has one once it is logged in") : ok(terms.tunnel.name),
  ),
  "owner.control": judged(
    "OTHER_CONTROL",
    "The nodes of a cluster meet in one tailnet; HeadCNI never changes a login.",
    ({ facts: { profileId, controlUrl } }) =>
      ok(profileId === "" ? "not logged in anywhere yet" : controlUrl),
  ),
  "owner.login": (facts, settings) =>
    judged(
      facts.owner !== undefined &&
        "value" in facts.owner &&
        facts.owner.value.facts.backendState === "Stopped"
        ? "STOPPED"
        : "LOGGED_OUT",
      "Nothing crosses the tailnet until then, and HeadCNI starts and stops no tailscaled of others.",
      ({ facts: { backendState } }) =>
        ok(
          backendState === "Running"
            ? "logged in"
            : `${backendState}; HeadCNI logs it in with the pre-auth key if it has to`,
        ),
    )(facts, settings),
  "owner.appConnector": judged(
    "APP_CONNECTOR",
    "HeadCNI adds its prefixes to the list of routes, and any change of that list clears what the connector learned.",
    () => ok("it is no app connector"),
  ),
  "owner.shieldsUp": judged(
    "SHIELDS_UP",
    "tailscaled then drops all connections that others open, also to pods.",
    () => ok("shields are down"),
  ),
  "owner.statefulFiltering": judged("STATEFUL_FILTERING", "tailscaled then forwards answers only.", () =>
    ok("off"),
  ),
  "owner.mtu": judged(
    "MTU_TOO_SMALL",
    "Full packets of pods do not fit into the tailnet: TCP adapts, other traffic may be lost.",
    ({ facts: { terms } }, { mtu }) =>
      terms === null ? undefined : ok(`${terms.tunnel.name} has ${terms.tunnel.mtu}; pods have ${mtu}`),
  ),
  "owner.routes": judged(
    "ROUTER_CIDR_IN_USE",
    "Others would reach what was announced before, not this node's pods.",
    ({ facts: { preferences, record } }) => {
      const own = preferences.routes.filter((route) => !record.routes.includes(route));
      return ok(
        own.length === 0
          ? "its owner announces nothing"
          : `its owner announces ${own.join(", ")}, which stays`,
      );
    },
  ),
  /** Before an install nothing is announced yet: then headscale.approvers says what the policy would do. */
  "owner.approval": judged(
    "NOT_APPROVED",
    "No other node can reach this node's pods.",
    ({ facts: { preferences, served } }, { ownPrefixes }) => {
      const announced = ownPrefixes.filter((prefix) => preferences.routes.includes(prefix));
      if (announced.length === 0 || served === null) return undefined;
      return ok(`Headscale routes ${announced.join(" and ")} to this node`);
    },
  ),

  "owner.acceptRoutes": withOwner(({ facts: { preferences, record } }) => {
    if (ownerAcceptsRoutes(record, preferences))
      return ok("its owner accepts routes: what others announce reaches this node as before");
    return ok("HeadCNI accepts routes for its pods alone; the node's other traffic goes as before");
  }),

  "owner.exitNode": withOwner(({ exitNode, facts: { preferences, record } }) => {
    if (exitNode === "none") return ok("no exit node in use");
    const how = exitNode === "all" ? "an exit node in use" : "an exit node in use, the LAN apart from it";
    if (ownerAcceptsRoutes(record, preferences)) return ok(`${how}; pods leave the cluster by it, too`);
    return warn({
      found: `${how}, while its owner does not accept routes`,
      why: "With HeadCNI tailscaled accepts routes, and inside of it another machine's route for a part of the Internet wins over the exit node.",
      todo: "See that Headscale's policy approves no such routes; nothing else has to be done.",
    });
  }),

  "owner.netfilter": withOwner(({ netfilter }) =>
    ok(
      {
        on: "tailscaled keeps its own firewall rules beside HeadCNI's",
        nodivert: "tailscaled makes chains and leaves the jumps to its owner; HeadCNI needs neither",
        off: "tailscaled keeps no firewall rules; HeadCNI needs none of them",
      }[netfilter],
    ),
  ),

  "owner.bootUnit"({ owner, bootUnit }, { bootUnit: wanted }) {
    if (owner === undefined) return undefined;
    if (bootUnit === "installed") return ok("HeadCNI's rules are loaded before tailscaled starts");
    // Before an install that is as it should be.
    if (bootUnit === "noState") return ok("no unit for the boot yet");
    const problem = {
      found: "nothing loads HeadCNI's rules at boot",
      why: "tailscaled keeps accepting routes after a reboot: until the daemon runs, routes announced by any machine of the tailnet take this node's traffic.",
      todo: "Let headcnictl install or the chart (tailscale.bootUnit) put headcni-guard.service here; without systemd have your init system run headcni --guard before tailscaled, and set tailscale.bootUnit: false.",
    };
    if (!wanted) return warn(problem);
    return fail({
      ...problem,
      why: `${problem.why} HeadCNI has it accept routes, which pods need, only then.`,
    });
  },
};

const start = "start tailscaled (systemctl enable --now tailscaled)";
const upgrade =
  "Upgrade Tailscale on this node, and see that it is tailscaled that listens at tailscale.socket.";

/** Why the owner's tailscaled cannot be looked at. */
const unseen: Readonly<Record<OwnerFault, { readonly found: string; readonly todo: string }>> = {
  NO_SOCKET: {
    found: "there is no socket of the node's tailscaled",
    todo: `Install Tailscale and ${start}, or set tailscale.socket to where it listens.`,
  },
  NOBODY_LISTENS: {
    found: "nothing listens on the socket of the node's tailscaled",
    todo: `It has ended, so ${start}; or set tailscale.socket to where it listens.`,
  },
  FORBIDDEN: {
    found: "the node's tailscaled denies access",
    todo: "Run this as root; in a container see that the socket's folder is mounted and no security policy forbids it.",
  },
  SILENT: {
    found: "the node's tailscaled accepts the request and does not answer",
    todo: "See its log (journalctl -u tailscaled); restart it if it hangs.",
  },
  TOO_OLD: { found: "the node's tailscaled is too old: it lacks an API that HeadCNI needs", todo: upgrade },
  REFUSED: {
    found: "the node's tailscaled answers with an error",
    todo: "See its log (journalctl -u tailscaled); restart it.",
  },
  UNREADABLE: { found: "the answer is not from a tailscaled that HeadCNI supports", todo: upgrade },
  RECORDS_UNREADABLE: {
    found: "the record of what HeadCNI added to the node's tailscaled cannot be read",
    todo: "Repair the file that is named, or remove it and take our prefixes out of `tailscale set --advertise-routes` by hand.",
  },
  OTHER: {
    found: "the node's tailscaled cannot be read",
    todo: "See the reason, and tailscaled's log (journalctl -u tailscaled).",
  },
};

/** A check of what the owner's tailscaled says; none in the other mode, and none while it does not answer. */
function withOwner(check: (owner: OwnersTailscaled, settings: DoctorSettings) => Outcome | undefined): Check {
  return ({ owner }, settings) =>
    owner === undefined || "unknown" in owner ? undefined : check(owner.value, settings);
}

/** What the daemon itself would name as a problem; else `well`. What stands behind a hindrance of all is judged once that is gone. */
function judged(
  code: OwnerProblemCode,
  why: string,
  well: (owner: OwnersTailscaled, settings: DoctorSettings) => Outcome | undefined,
): Check {
  return withOwner((owner, settings) => {
    const { facts } = owner;
    const required = requirementsOf(owner, settings);
    const hindrance = ownerHindrance(facts, required);
    const problems = hindrance === undefined ? ownerProblems(facts, required) : [hindrance];
    const problem = problems.find((one) => one.code === code);
    if (problem !== undefined) return fail({ found: problem.found, why, todo: problem.todo });
    return hindrance === undefined || isJudgedBefore(code, hindrance.code)
      ? well(owner, settings)
      : undefined;
  });
}

/** The order in which `ownerHindrance` looks. */
const order: readonly OwnerProblemCode[] = [
  "TOO_OLD",
  "NO_TUN",
  "OTHER_CONTROL",
  "LOGGED_OUT",
  "STOPPED",
  "APP_CONNECTOR",
];

function isJudgedBefore(code: OwnerProblemCode, other: OwnerProblemCode): boolean {
  return order.includes(code) && order.indexOf(code) < order.indexOf(other);
}

function requirementsOf(
  { logsIn, facts }: OwnersTailscaled,
  { headscaleUrl, ownPrefixes, mtu }: DoctorSettings,
): OwnerRequirements {
  // Without a configuration nothing is another server than ours.
  return { controlUrl: headscaleUrl || facts.controlUrl, prefixes: ownPrefixes, mtu, logsIn };
}
