import type { Server } from "node:http";
import { containsAddress, parsePrefix } from "../../domain/addresses/prefix.ts";
import type { MetricsPage } from "../../ports/metrics-page.ts";
import { listenOnTcp } from "./http-listen.ts";
import { type HttpSources, metricsRoute } from "./http-routes.ts";
import { closeServer, createBoundedServer } from "./http-server.ts";

/**
 * The page with metrics, alone, for who has an address in `supernets`: pods, and nodes where they talk to pods. Whoever else reaches one of
 * its addresses by way of a node's own network is not answered; the guard lets nobody take an address of a pod there.
 */
export function createMetricsPage(
  metrics: HttpSources["metrics"],
  supernets: readonly string[],
  port: number,
): MetricsPage {
  const prefixes = supernets.map(parsePrefix);
  const isOurs = (address = "") =>
    address !== "" && prefixes.some((prefix) => containsAddress(prefix, address));
  const serverFor = () =>
    createBoundedServer({ "/metrics": metricsRoute(metrics) }).prependListener("connection", (socket) => {
      if (!isOurs(socket.remoteAddress)) socket.destroy();
    });
  return {
    async open(addresses) {
      const servers: Server[] = [];
      const close = async () => void (await Promise.all(servers.map(closeServer)));
      try {
        for (const address of addresses) {
          const server = serverFor();
          await listenOnTcp(server, address, port);
          servers.push(server);
        }
      } catch (error) {
        await close();
        throw error;
      }
      return { close };
    },
  };
}
