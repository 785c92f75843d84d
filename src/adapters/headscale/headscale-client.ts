import type { Headscale, HeadscaleNode } from "../../ports/headscale.ts";
import { answers } from "./answers.ts";
import { apiKeyOf, type ReadApiKey } from "./api-key.ts";
import { HeadscaleRequestError } from "./headscale-error.ts";
import { createTransport } from "./transport.ts";

export interface HeadscaleOptions {
  /** Origin, such as "http://10.99.0.1:8080". */
  readonly url: string;
  readonly readApiKey: ReadApiKey;
}

/** A node asks for a key to use it at once. */
const authKeyLifeMs = 60 * 60 * 1000;

/** A client for one Headscale, 0.29 or 0.30. */
export function createHeadscale({
  url,
  readApiKey,
}: HeadscaleOptions): Headscale & { close(): Promise<void> } {
  const transport = createTransport(url);
  const apiKey = () => apiKeyOf(readApiKey);
  const listNodes = (signal: AbortSignal) =>
    transport.call({ method: "GET", path: "/api/v1/node", apiKey: apiKey(), answer: answers.nodes }, signal);

  return {
    async probe(signal) {
      await transport.call({ method: "GET", path: "/health", answer: answers.anything }, signal);
    },
    async authenticate(signal) {
      const call = { method: "GET", path: "/api/v1/user", query: { name: "-" } } as const;
      await transport.call({ ...call, apiKey: apiKey(), answer: answers.users }, signal);
    },
    async createAuthKey(tags, signal) {
      // Without an expiration Headscale stores the zero time: the key would be born expired.
      const expiration = new Date(Date.now() + authKeyLifeMs).toISOString();
      const body = { reusable: false, ephemeral: false, expiration, aclTags: tags };
      const call = { method: "POST", path: "/api/v1/preauthkey", body, apiKey: apiKey() } as const;
      return await transport.call({ ...call, answer: answers.authKey }, signal);
    },
    async approveRoutes(nodeId, prefixes, signal) {
      // From the list: GET of a single node leaves out what it serves.
      const node = (await listNodes(signal)).find(({ id }) => id === nodeId);
      if (node === undefined)
        throw new HeadscaleRequestError(`Headscale has no node ${nodeId}`, {
          code: "NOT_FOUND",
          status: 404,
          text: "not in the list of nodes",
        });
      const missing = prefixes.filter((prefix) => !node.approvedRoutes.includes(prefix));
      if (missing.length === 0) return node;
      // The call replaces the whole set.
      const body = { routes: [...node.approvedRoutes, ...missing] };
      const path = `/api/v1/node/${encodeURIComponent(nodeId)}/approve_routes`;
      return await transport.call(
        { method: "POST", path, body, apiKey: apiKey(), answer: answers.node },
        signal,
      );
    },
    async removeNode(hostname, prefixes, signal) {
      const announcesOnly = ({ approvedRoutes }: HeadscaleNode) =>
        approvedRoutes.length > 0 && approvedRoutes.every((route) => prefixes.includes(route));
      const departed = (await listNodes(signal)).filter(
        (node) => node.name === hostname && announcesOnly(node),
      );
      for (const { id, online } of departed) {
        const path = `/api/v1/node/${encodeURIComponent(id)}`;
        const call = online
          ? // 0.29 reads the query, 0.30 the body; without a time it expires now.
            ({ method: "POST", path: `${path}/expire`, body: {}, answer: answers.anything } as const)
          : ({ method: "DELETE", path, answer: answers.anything } as const);
        await transport.call({ ...call, apiKey: apiKey() }, signal).catch((error: unknown) => {
          // Another node was quicker.
          if (!(error instanceof HeadscaleRequestError) || error.detail.code !== "NOT_FOUND") throw error;
        });
      }
      return departed.length;
    },
    listNodes,
    close: transport.close,
  };
}
