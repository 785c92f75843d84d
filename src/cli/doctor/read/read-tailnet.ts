import * as z from "zod";
import { createLocalApi } from "../../../adapters/tailscale/local-api.ts";
import { parseAnswer } from "../../../adapters/tailscale/parse-answer.ts";
import { readStatus } from "../../../adapters/tailscale/read-status.ts";
import type { TailnetFacts } from "../judge/facts.ts";

const derpMapSchema = z.object({
  Regions: z
    .record(
      z.string(),
      z.object({ Nodes: z.array(z.object({ HostName: z.string().default("") })).nullish() }).nullable(),
    )
    .nullish(),
});

/** What our tailscaled says. Throws TailscaleError when it does not answer. */
export async function readTailnet(socketPath: string, signal: AbortSignal): Promise<TailnetFacts> {
  const api = createLocalApi(socketPath);
  try {
    const { status } = readStatus(await api.call({ method: "GET", path: "status" }, signal));
    const map = parseAnswer(
      "derpmap",
      await api.call({ method: "GET", path: "derpmap" }, signal),
      derpMapSchema,
    );
    const hosts = Object.values(map.Regions ?? {}).flatMap((region) =>
      (region?.Nodes ?? []).map(({ HostName }) => HostName),
    );
    return {
      nodeId: status.self.nodeId,
      backendState: status.backendState,
      online: status.self.online,
      hostname: status.self.hostName,
      primaryRoutes: status.self.primaryRoutes,
      peers: status.peers.map(({ nodeId, hostName, online, primaryRoutes }) => ({
        id: nodeId,
        name: hostName,
        online,
        routes: primaryRoutes,
      })),
      relayHosts: [...new Set(hosts)],
    };
  } finally {
    api.close();
  }
}
