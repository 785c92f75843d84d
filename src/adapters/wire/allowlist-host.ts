import {
  type AllowlistSettings,
  allowlistTable,
  allowlistTableName,
} from "../../domain/nft-allowlist-table.ts";
import { loadTable } from "../../domain/nft-table.ts";
import { hasNetmap } from "../../domain/route-facts.ts";
import type { AllowlistHost } from "../../ports/allowlist.ts";
import { type TableWatch, watchTable } from "../netlink/watch-table.ts";
import { loadDocument } from "../nftables/load-document.ts";
import { createNodeListFile, watchNodeListFile } from "../node-list/node-list-file.ts";
import { followBus, readNetmapHint } from "../tailscale/ipn-bus.ts";
import { createLocalApi } from "../tailscale/local-api.ts";
import { readStatus } from "../tailscale/read-status.ts";

export interface AllowlistPlaces {
  /** The daemon's list of Nodes. */
  readonly list: string;
  /** tailscaled's LocalAPI. */
  readonly socket: string;
}

/** The allowlist of the namespace that the calling thread stands in, which is X once it is made. `close` ends connections. */
export function createAllowlistHost(
  { list, socket }: AllowlistPlaces,
  settings: AllowlistSettings,
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
      return Object.fromEntries(status.peers.map(({ nodeId, primaryRoutes }) => [nodeId, primaryRoutes]));
    },
    watchTable: (changed, failed) =>
      forTable(() => {
        tableWatch = watchTable(allowlistTableName, changed, failed);
        return tableWatch.close;
      }),
    apply: (believed, signal) => {
      const load = () => loadDocument(loadTable(allowlistTable(settings, believed)), undefined, signal);
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
