import { request } from "node:http";
import { LabError } from "../lab-error.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { run, runResult } from "../run-command.ts";

/** What the lab reads of a tailscaled's status (ipn/ipnstate.Status of tailscale.com 1.102.3). */
export type TailscaledStatus = {
  readonly BackendState: string;
  readonly Self: TailscaledPeer;
  readonly Peer?: Readonly<Record<string, TailscaledPeer>> | null;
};

/** A tailnet node as a tailscaled sees it. `CurAddr` is empty while the path is not direct. */
export type TailscaledPeer = {
  /** Headscale's number of the node. */
  readonly ID: string;
  readonly HostName: string;
  readonly Online: boolean;
  readonly TailscaleIPs: readonly string[] | null;
  readonly PrimaryRoutes?: readonly string[] | null;
  readonly ExitNodeOption?: boolean;
  readonly CurAddr?: string;
  readonly Relay?: string;
};

/** The status of a tailscaled by its LocalAPI socket; unix sockets reach across network namespaces. */
export async function tailscaledStatus(socketPath: string): Promise<TailscaledStatus> {
  return JSON.parse(await localApi(socketPath, "GET", "status")) as TailscaledStatus;
}

/** What the lab reads of a tailscaled's preferences (ipn.Prefs). */
export type Preferences = {
  readonly RouteAll: boolean;
  readonly AdvertiseRoutes: readonly string[];
};

/** A tailscaled's preferences by its LocalAPI socket. */
export async function preferences(socketPath: string): Promise<Preferences> {
  const { RouteAll, AdvertiseRoutes } = JSON.parse(await localApi(socketPath, "GET", "prefs")) as {
    readonly RouteAll: boolean;
    readonly AdvertiseRoutes: readonly string[] | null;
  };
  return { RouteAll, AdvertiseRoutes: AdvertiseRoutes ?? [] };
}

/** Some of a tailscaled's preferences, and those of them that are meant (ipn.MaskedPrefs). */
export type PreferencesEdit = {
  readonly AdvertiseRoutes?: readonly string[];
  readonly AdvertiseRoutesSet?: true;
  readonly Hostname?: string;
  readonly HostnameSet?: true;
};

/** Edits preferences as `tailscale set` does, with values that the command line would not take. */
export async function editPreferences(socketPath: string, edit: PreferencesEdit): Promise<void> {
  await localApi(socketPath, "PATCH", "prefs", JSON.stringify(edit));
}

/** A node's addresses in the tailnet, by family. Throws LabError NOT_READY before it is logged in. */
export async function tailnetAddresses(node: LabNode): Promise<Readonly<Partial<Record<4 | 6, string>>>> {
  const { TailscaleIPs } = (await tailscaledStatus(node.tailscaledSocket)).Self;
  const addresses = TailscaleIPs ?? [];
  if (addresses.length === 0)
    throw new LabError("NOT_READY", `${node.name} has no address in the tailnet: it is not logged in`);
  return Object.fromEntries(addresses.map((address) => [address.includes(":") ? 6 : 4, address]));
}

function localApi(
  socketPath: string,
  method: "GET" | "PATCH",
  page: "status" | "prefs",
  body?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    // Any other Host is refused (ipn/localapi).
    const headers = { Host: "local-tailscaled.sock" };
    // Thousands of preferences take their time.
    const timeout = method === "GET" ? 5_000 : 60_000;
    const path = `/localapi/v0/${page}`;
    const query = request({ socketPath, method, path, headers, timeout }, (response) => {
      const chunks: string[] = [];
      response.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
      response.on("error", reject).on("end", () => {
        if (response.statusCode === 200) resolve(chunks.join(""));
        else
          reject(new LabError("NOT_READY", `tailscaled answers ${response.statusCode}: ${chunks.join("")}`));
      });
    });
    query.on("timeout", () => query.destroy(new LabError("NOT_READY", "tailscaled does not answer")));
    query.on("error", reject).end(body);
  });
}

/** Some of the counters of a node's tailscaled (`tailscale debug metrics`), by name; 0 for one that never counted. */
export async function tailscaledCounters<Name extends string>(
  lab: Lab,
  node: LabNode,
  names: readonly Name[],
): Promise<Readonly<Record<Name, number>>> {
  const page = await run([lab.tools.tailscale, `--socket=${node.tailscaledSocket}`, "debug", "metrics"]);
  const counters = names.map((name) => [
    name,
    Number(new RegExp(`^${name} (\\d+)$`, "m").exec(page)?.[1] ?? 0),
  ]);
  return Object.fromEntries(counters) as Readonly<Record<Name, number>>;
}

/** How one node reaches another over the tailnet. */
export type PeerPath = {
  readonly from: string;
  readonly to: string;
  readonly path: "direct" | "relay" | "none";
  /** The peer's UDP address, or the relay's name. */
  readonly via: string;
};

/** The paths between all nodes, each asked with a disco ping, because a tailscaled forgets idle paths. */
export async function peerPaths(lab: Lab): Promise<readonly PeerPath[]> {
  const pairs = lab.nodes.flatMap((from) =>
    lab.nodes.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  return await Promise.all(pairs.map(({ from, to }) => pathBetween(lab, from, to)));
}

async function pathBetween(lab: Lab, from: LabNode, to: LabNode): Promise<PeerPath> {
  const names = { from: from.name, to: to.name };
  const { Peer } = await tailscaledStatus(from.tailscaledSocket);
  const peer = Object.values(Peer ?? {}).find((candidate) => candidate.PrimaryRoutes?.includes(to.podCIDR));
  const address = peer?.TailscaleIPs?.[0];
  if (address === undefined) return { ...names, path: "none", via: `no peer serves ${to.podCIDR}` };
  const socket = `--socket=${from.tailscaledSocket}`;
  // pong from n2 (100.64.0.2) via 10.99.0.12:41642 in 1ms | via DERP(lab) in 1ms; without a direct path it ends with 1
  const { stdout } = await runResult([lab.tools.tailscale, socket, "ping", "--c=5", "--timeout=1s", address]);
  const via = [...stdout.matchAll(/ via (\S+) in /g)].at(-1)?.[1];
  if (via === undefined) return { ...names, path: "none", via: "no answer" };
  return { ...names, path: via.startsWith("DERP") ? "relay" : "direct", via };
}
