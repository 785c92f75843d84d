import type { TailnetPeer, TailnetStatus } from "./tailnet-status.ts";

/**
 * What a status means for the tailscale machine. "online": data plane and control stand; "offline": the data plane
 * stands on the last netmap, control does not answer; "forgotten": the same, but control answers and does not know this node's
 * key; "needsLogin": the data plane is down until a login.
 */
export type TailnetPhase = "starting" | "needsLogin" | "forgotten" | "stopped" | "online" | "offline";

export function tailnetPhase(status: TailnetStatus): TailnetPhase {
  const { backendState, loginWanted, loginError, self } = status;
  // A node that was deleted keeps its last netmap, while its peers have dropped it; one of a lost database keeps its peers, too.
  const unknown = loginWanted || (loginError !== "" && !self.online);
  switch (backendState) {
    case "Running":
      if (unknown) return "forgotten";
      return self.online ? "online" : "offline";
    case "NeedsLogin":
    case "NeedsMachineAuth":
    case "InUseOtherUser":
      return "needsLogin";
    case "Stopped":
      return loginWanted ? "needsLogin" : "stopped";
    case "NoState":
    case "Starting":
      return loginWanted ? "needsLogin" : "starting";
    default: {
      const unhandled: never = backendState;
      return unhandled;
    }
  }
}

/** The status while no tailscaled runs. */
export const noTailnet: TailnetStatus = {
  backendState: "NoState",
  loginError: "",
  loginWanted: false,
  self: { nodeId: "", hostName: "", online: false, addresses: [], primaryRoutes: [] },
  peers: [],
  fresh: false,
};

/**
 * Of the peers that are offline at most so many are greeted at once: none of them is likely to answer, and pings to a thousand for
 * as long as one may take to come online keep a core busy. A peer that comes online greets this node itself.
 */
const offlineAtMost = 64;

/** First tailnet addresses of the peers that are not among `greeted` (node ids), by whether Headscale calls them online. */
export function peersToGreet(
  status: TailnetStatus,
  greeted: Readonly<Record<string, true>>,
): { readonly online: readonly string[]; readonly offline: readonly string[] } {
  const ungreeted = status.peers.filter(({ nodeId }) => greeted[nodeId] === undefined);
  return {
    online: firstAddresses(ungreeted.filter(({ online }) => online)),
    offline: firstAddresses(ungreeted.filter(({ online }) => !online)).slice(0, offlineAtMost),
  };
}

/** First tailnet addresses of the peers with these node ids that were greeted before; those that are online come first. */
export function peersToGreetAgain(
  status: TailnetStatus,
  greeted: Readonly<Record<string, true>>,
  nodeIds: readonly string[],
): readonly string[] {
  const wanted = new Set(nodeIds);
  const peers = status.peers.filter(({ nodeId }) => wanted.has(nodeId) && greeted[nodeId] !== undefined);
  const { online = [], offline = [] } = Object.groupBy(peers, (peer) => (peer.online ? "online" : "offline"));
  return [...firstAddresses(online), ...firstAddresses(offline).slice(0, offlineAtMost)];
}

/** First tailnet addresses of the peers that are online, a few of them in the order of their node ids. */
export function onlineAddresses(status: TailnetStatus): readonly string[] {
  return firstAddresses(status.peers.filter(({ online }) => online)).slice(0, 16);
}

function firstAddresses(peers: readonly TailnetPeer[]): readonly string[] {
  return peers.flatMap(({ addresses: [address] }) => (address === undefined ? [] : [address]));
}
