import { allowlistTableName } from "../../domain/nftables/nft-allowlist-table.ts";
import { loadTable, type NftTable } from "../../domain/nftables/nft-table.ts";
import type { Believed } from "../../domain/tailnet/believed-prefixes.ts";
import { hasNetmap } from "../../domain/tailnet/route-facts.ts";
import type { AllowlistHost } from "../../ports/allowlist.ts";
import { type TableWatch, watchTable } from "../netlink/namespaces/watch-table.ts";
import { loadDocument } from "../nftables/load-document.ts";
import { createNodeListFile, watchNodeListFile } from "../state-files/node-list-file.ts";
import { followBus, readNetmapHint } from "../tailscale/ipn-bus.ts";
import { createLocalApi } from "../tailscale/local-api.ts";
import { readStatus } from "../tailscale/read-status.ts";

export interface AllowlistPlaces {
  /** The daemon's list of Nodes. */
  readonly list: string;
  /** tailscaled's LocalAPI. */
  readonly socket: string;
}

/**
 * The allowlist of the namespace that the calling thread stands in; headcni-wire's is the tailnet namespace once it is made. `table`: as it
 * must be then.
 * `close` ends connections.
 */
export function createAllowlistHost(
  { list, socket }: AllowlistPlaces,
  table: (believed: Believed) => NftTable | Promise<NftTable>,
): AllowlistHost & { close(): void } {
  const api = createLocalApi(socket);
  let tableWatch: TableWatch | undefined;
  const [forList, forNetmap, forTable] = [oneAtATime(), oneAtATime(), oneAtATime()];
  return {
    readList: createNodeListFile(list).read,
    watchList: (changed) => forList(() => watchNodeListFile(list, changed)),
    followNetmap: (hinted, closed) =>
      forNetmap(() =>
        followBus(
          api,
          (line) => {
            const routes = readNetmapHint(line);
            if (routes !== undefined) hinted(routes);
          },
          closed,
        ),
      ),
    readNetmap: async (signal) => {
      const { status } = readStatus(await api.call({ method: "GET", path: "status" }, signal));
      if (!hasNetmap(status)) return null;
      const { peers } = status;
      return {
        routes: Object.fromEntries(peers.map(({ nodeId, primaryRoutes }) => [nodeId, primaryRoutes])),
        addresses: Object.fromEntries(peers.map(({ nodeId, addresses }) => [nodeId, addresses])),
      };
    },
    watchTable: (changed, failed) =>
      forTable(() => {
        tableWatch = watchTable(allowlistTableName, changed, failed);
        return tableWatch.close;
      }),
    apply: async (believed, signal) => {
      const document = loadTable(await table(believed));
      const load = () => loadDocument(document, undefined, signal);
      return tableWatch === undefined ? load() : tableWatch.duringLoad(load);
    },
    close: api.close,
  };
}

/** Begins something after the end of what it began before. XState does not stop what a machine runs that fails in one of its actions. */
function oneAtATime(): (begin: () => () => void) => () => void {
  let end = (): void => undefined;
  return (begin) => {
    end();
    end = begin();
    return end;
  };
}
