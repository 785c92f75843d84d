import { wireGuardOverhead } from "../../../domain/guard/desired-state.ts";
import { tailnetLink } from "../../../domain/kernel/kernel-constants.ts";
import { type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";

/** A running daemon and its tailscaled. */
export const tailnetChecks: Checks = {
  "tailnet.daemon"({ daemon, tailnet }, { ownerSocket }) {
    if ("unknown" in daemon)
      return "unknown" in tailnet || ownerSocket !== ""
        ? skipped(daemon.unknown)
        : fail({
            found: `the daemon does not answer, but its tailscaled runs: ${daemon.unknown}`,
            why: "Running pods keep their network; new ones wait, and nothing is repaired.",
            todo: "Start the daemon; its log says why it ended.",
          });
    const { serving, state, reason } = daemon.value;
    if (serving && state === "proven") return ok("the daemon serves, and this node's routes are proven");
    const problem = {
      found: serving
        ? `the daemon serves, but is ${state}${reason === "" ? "" : `: ${reason}`}`
        : `the daemon does not serve: ${reason || state}`,
      why: serving ? "Pods of other nodes may not reach this node's pods." : "New pods wait on this node.",
      todo: "See headcnictl status; connect-test says which part of the path fails.",
    };
    return serving ? warn(problem) : fail(problem);
  },

  "tailnet.login"({ daemon, tailnet, headscale }, { ownerSocket }) {
    // owner.login says it.
    if (ownerSocket !== "" && ("unknown" in tailnet || tailnet.value.backendState !== "Running"))
      return undefined;
    if ("unknown" in tailnet)
      return "unknown" in daemon
        ? undefined
        : fail({
            found: `HeadCNI's tailscaled does not answer: ${tailnet.unknown}`,
            why: "It carries everything between this node's pods and other nodes.",
            todo: "headcni-wire restarts it; if it does not recover, see its log: tailscaled.log in runtimeDir, or that of headcni-wire.",
          });
    const { backendState, online, hostname } = tailnet.value;
    if (backendState === "Running" && online) return ok(`in the tailnet as ${hostname}`);
    if (backendState === "Running" && headscale.unreachable === undefined)
      return warn({
        found: `on its last network map as ${hostname}: Headscale answers, but this node is not connected to it`,
        why: "If that lasts, Headscale no longer knows this node: it was deleted there, or Headscale lost its database. Existing paths keep working as far as other nodes still know this one.",
        todo: "If the daemon's finding says so: headscale preauthkeys create, and put the key in headscale.authKeyFile of all nodes.",
      });
    if (backendState === "Running")
      return warn({
        found: `in the tailnet as ${hostname}, but without a connection to Headscale`,
        why: "Existing paths keep working; changes of other nodes do not arrive, and others see this node as offline.",
        todo: "See the findings about Headscale.",
      });
    return fail({
      found: `tailscaled is in the state ${backendState}`,
      why: "Nothing crosses the tailnet in that state.",
      todo:
        backendState === "NeedsLogin"
          ? "Headscale refused the login, or the key is missing: see headscale.authKey and headcnictl status."
          : "See the findings about Headscale, and the log of tailscaled: tailscaled.log in runtimeDir, or that of headcni-wire.",
    });
  },

  "tailnet.routes"({ tailnet }, { ownPrefixes, ownerSocket }) {
    // owner.approval says it, once they are announced.
    if ("unknown" in tailnet || ownerSocket !== "") return undefined;
    if (ownPrefixes.length === 0) return skipped("this node's pod CIDR is not known here");
    const missing = ownPrefixes.filter((prefix) => !tailnet.value.primaryRoutes.includes(prefix));
    if (missing.length === 0) return ok(`Headscale routes ${ownPrefixes.join(" and ")} to this node`);
    return fail({
      found: `Headscale does not route ${listed(missing)} to this node`,
      why: "No other node can reach this node's pods.",
      todo: "See headscale nodes list-routes: the route must be approved, and no other node may serve it.",
    });
  },

  /** Both links are made when headcni-wire starts, and stay as they are when network.mtu changes. */
  "tailnet.mtu"({ node: { snapshot, tunnelMtu } }, { mtu, tunnelName, ownerSocket }) {
    if ("unknown" in tunnelMtu || ownerSocket !== "") return undefined;
    const links = "value" in snapshot ? snapshot.value.links : [];
    const veth = links.find(({ name }) => name === tailnetLink.node)?.mtu;
    const needed = mtu + wireGuardOverhead;
    const wrong = [
      ...(tunnelMtu.value === mtu ? [] : [`${tunnelName} has an MTU of ${tunnelMtu.value}`]),
      ...(veth === undefined || veth >= needed
        ? []
        : [`${tailnetLink.node} has ${veth} and needs ${needed}`]),
    ];
    if (wrong.length === 0) return ok(`${tunnelName} has the pods' MTU of ${mtu}`);
    return warn({
      found: `${wrong.join(", ")}; network.mtu is ${mtu}`,
      why: "Full packets of new pods do not fit into the tailnet: TCP adapts, other traffic may be lost.",
      todo: "Restart headcni-wire, which cuts this node off for some seconds: delete its pod, or systemctl restart headcni-wire.",
    });
  },

  "tailnet.peers"({ tailnet }) {
    if ("unknown" in tailnet) return undefined;
    const { peers } = tailnet.value;
    const away = peers.filter(({ online, routes }) => !online && routes.length > 0).map(({ name }) => name);
    if (peers.length === 0) return ok("no other node in the tailnet yet");
    if (away.length === 0) return ok(`${peers.length} other ${peers.length === 1 ? "node" : "nodes"}`);
    return warn({
      found: `offline: ${listed(away)}`,
      why: "Pods there cannot be reached from here, or the node lost only Headscale.",
      todo: "See what those nodes say; delete nodes that are gone for good (headscale nodes delete).",
    });
  },
};
