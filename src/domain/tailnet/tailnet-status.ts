/** What we keep of tailscaled's status (LocalAPI GET status): plain, small, comparable. */
export interface TailnetStatus {
  readonly backendState:
    | "NoState"
    | "NeedsLogin"
    | "NeedsMachineAuth"
    | "Stopped"
    | "Starting"
    | "Running"
    | "InUseOtherUser";
  /** Login or registration error as tailscaled words it; empty when there is none. */
  readonly loginError: string;
  /** Headscale wants a login before it takes this node (an AuthURL): it does not know the node key, or no longer. */
  readonly loginWanted: boolean;
  readonly self: TailnetSelf;
  readonly peers: readonly TailnetPeer[];
  /** True once a netmap arrived from control after this tailscaled started (a cached netmap proves nothing). */
  readonly fresh: boolean;
}

/**
 * What of a status changes without a word on the bus: it says nothing when the map poll with control ends or begins, and the health
 * warning that follows comes 10 s later.
 */
export function pulseOf({
  backendState,
  self,
  loginWanted,
}: Pick<TailnetStatus, "backendState" | "self" | "loginWanted">): string {
  return `${backendState} ${self.online} ${loginWanted}`;
}

/** This node. */
export interface TailnetSelf {
  /** Headscale's node id; empty before the first login. */
  readonly nodeId: string;
  readonly hostName: string;
  /** In map poll with Headscale. */
  readonly online: boolean;
  readonly addresses: readonly string[];
  /** Approved and served by the node. */
  readonly primaryRoutes: readonly string[];
}

/** Another node, by the same fields. */
export interface TailnetPeer extends TailnetSelf {
  /** Direct endpoint in use, "ip:port"; empty while relayed or idle. */
  readonly currentAddress: string;
  /** DERP region code of the peer's home relay; empty when unknown. */
  readonly relay: string;
}
