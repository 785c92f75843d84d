import type { DoctorFacts, DoctorSettings, HeadscaleFacts, TailnetFacts } from "./facts.ts";
import { type Finding, fail, listed, ok, skipped, warn } from "./finding.ts";

/** A running daemon and its tailscaled. */
export function tailnetChecks(
  { daemon, tailnet, headscale }: DoctorFacts,
  settings: DoctorSettings,
): readonly Finding[] {
  if ("unknown" in daemon && "unknown" in tailnet) return [skipped("tailnet.daemon", daemon.unknown)];
  return [
    daemonFinding(daemon),
    ...("unknown" in tailnet
      ? [
          fail("tailnet.login", {
            found: `HeadCNI's tailscaled does not answer: ${tailnet.unknown}`,
            why: "It carries everything between this node's pods and other nodes.",
            todo: "The daemon starts it again; if it does not come back, see its log: tailscaled.log in runtimeDir, or that of headcni-wire.",
          }),
        ]
      : [login(tailnet.value, headscale), serving(tailnet.value, settings), peers(tailnet.value)]),
  ];
}

function daemonFinding(daemon: DoctorFacts["daemon"]): Finding {
  const id = "tailnet.daemon";
  if ("unknown" in daemon)
    return fail(id, {
      found: `the daemon does not answer, but its tailscaled runs: ${daemon.unknown}`,
      why: "Running pods keep their network; new ones wait, and nothing is repaired.",
      todo: "Start the daemon; its log says why it ended.",
    });
  const { serving: serves, state, reason } = daemon.value;
  if (serves && state === "proven") return ok(id, "the daemon serves, and this node's routes are proven");
  const trouble = {
    found: serves
      ? `the daemon serves, but is ${state}${reason === "" ? "" : `: ${reason}`}`
      : `the daemon does not serve: ${reason || state}`,
    why: serves ? "Pods of other nodes may not reach this node's pods." : "New pods wait on this node.",
    todo: "See headcnictl status; connect-test says which part of the way fails.",
  };
  return serves ? warn(id, trouble) : fail(id, trouble);
}

function login({ backendState, online, hostname }: TailnetFacts, { unreachable }: HeadscaleFacts): Finding {
  const id = "tailnet.login";
  if (backendState === "Running" && online) return ok(id, `in the tailnet as ${hostname}`);
  if (backendState === "Running" && unreachable === undefined)
    return warn(id, {
      found: `on its last network map as ${hostname}: Headscale answers, but this node is not connected to it`,
      why: "If that lasts, Headscale does not know this node any more: it was deleted there, or Headscale lost its database. Present paths go on working as far as other nodes still know this one.",
      todo: "If the daemon's finding says so: headscale preauthkeys create, and put the key in headscale.authKeyFile of all nodes.",
    });
  if (backendState === "Running")
    return warn(id, {
      found: `in the tailnet as ${hostname}, but without a connection to Headscale`,
      why: "Present paths go on working; changes of other nodes do not arrive, and others see this node as offline.",
      todo: "See the findings about Headscale.",
    });
  return fail(id, {
    found: `tailscaled is in the state ${backendState}`,
    why: "Nothing crosses the tailnet in that state.",
    todo:
      backendState === "NeedsLogin"
        ? "Headscale refused the login, or the key is missing: see headscale.authKey and headcnictl status."
        : "See the findings about Headscale, and the log of tailscaled: tailscaled.log in runtimeDir, or that of headcni-wire.",
  });
}

function serving({ primaryRoutes }: TailnetFacts, { ownPrefixes }: DoctorSettings): Finding {
  const id = "tailnet.routes";
  if (ownPrefixes.length === 0) return skipped(id, "this node's pod CIDR is not known here");
  const missing = ownPrefixes.filter((prefix) => !primaryRoutes.includes(prefix));
  if (missing.length === 0) return ok(id, `Headscale routes ${ownPrefixes.join(" and ")} to this node`);
  return fail(id, {
    found: `Headscale does not route ${listed(missing)} to this node`,
    why: "No other node can reach this node's pods.",
    todo: "See headscale nodes list-routes: the route must be approved, and no other node may serve it.",
  });
}

function peers({ peers: all }: TailnetFacts): Finding {
  const id = "tailnet.peers";
  const away = all.filter(({ online, routes }) => !online && routes.length > 0).map(({ name }) => name);
  if (all.length === 0) return ok(id, "no other node in the tailnet yet");
  if (away.length === 0) return ok(id, `${all.length} other ${all.length === 1 ? "node" : "nodes"}`);
  return warn(id, {
    found: `offline: ${listed(away)}`,
    why: "Pods there are out of reach of those here, or the node lost only Headscale.",
    todo: "See what those nodes say; delete nodes that are gone for good (headscale nodes delete).",
  });
}
