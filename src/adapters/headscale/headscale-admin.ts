import * as z from "zod";
import { parsePrefix } from "../../domain/addresses/prefix.ts";
import { mergeApprovals } from "../../domain/approval/merge-approvals.ts";
import type { HeadscaleAdmin } from "../../ports/headscale-admin.ts";
import { goList } from "../json/go-list.ts";
import { apiKeyOf } from "./api-key.ts";
import type { HeadscaleOptions } from "./headscale-client.ts";
import { HeadscaleRequestError } from "./headscale-error.ts";
import { readStoredPolicy } from "./stored-policy.ts";
import { type ApiCall, createTransport } from "./transport.ts";

const id = z.union([z.string(), z.number()]).transform(String);
/** Go's zero time is before 1970. */
const time = z
  .string()
  .nullish()
  .transform((text) => Math.max(Date.parse(text ?? "") || 0, 0));
const routes = goList(z.string());

/** Node of proto/headscale/v1/node.proto (0.29), the fields that the controller decides by. */
const machine = z
  .object({
    id,
    name: z.string().default(""),
    online: z.boolean().default(false),
    createdAt: time,
    lastSeen: time,
    preAuthKey: z.object({ id }).nullish(),
    availableRoutes: routes,
    approvedRoutes: routes,
  })
  .transform((node) => ({
    id: node.id,
    name: node.name,
    online: node.online,
    createdAtMs: node.createdAt,
    lastSeenAtMs: node.lastSeen,
    authKeyId: node.preAuthKey?.id ?? "",
    announced: node.availableRoutes,
    approved: node.approvedRoutes,
  }));

const answers = {
  anything: z.unknown(),
  machines: z.object({ nodes: goList(machine) }).transform(({ nodes }) => nodes),
  keys: z
    .object({ preAuthKeys: goList(z.object({ id, expiration: time })) })
    .transform(({ preAuthKeys }) => preAuthKeys.map((key) => ({ id: key.id, expiresAtMs: key.expiration }))),
  madeKey: z
    .object({ preAuthKey: z.object({ id, key: z.string().min(1), expiration: time }) })
    .transform(({ preAuthKey: { id: made, key, expiration } }) => ({
      id: made,
      key,
      expiresAtMs: expiration,
    })),
};

/** The controller's client of one Headscale. */
export function createHeadscaleAdmin({
  url,
  readApiKey,
}: HeadscaleOptions): HeadscaleAdmin & { close(): Promise<void> } {
  const transport = createTransport(url);
  const call = async <Schema extends z.ZodType>(what: ApiCall<Schema>, signal: AbortSignal) =>
    await transport.call({ ...what, apiKey: apiKeyOf(readApiKey) }, signal);
  const listMachines = (signal: AbortSignal) =>
    call({ method: "GET", path: "/api/v1/node", answer: answers.machines }, signal);
  const pathOf = (machineId: string) => `/api/v1/node/${encodeURIComponent(machineId)}`;

  return {
    listMachines,
    async replaceRoutes(machineId, supernets, wanted, signal) {
      // Read again right before the write, which replaces the whole list: what its owner approved meanwhile stays.
      const now = (await listMachines(signal)).find((one) => one.id === machineId);
      if (now === undefined)
        throw new HeadscaleRequestError(`Headscale has no machine ${machineId}`, {
          code: "NOT_FOUND",
          status: 404,
          text: "not in the list of nodes",
        });
      const merged = mergeApprovals(now.approved, supernets.map(parsePrefix), wanted);
      if (merged.join() === now.approved.join()) return;
      const path = `${pathOf(machineId)}/approve_routes`;
      await call({ method: "POST", path, body: { routes: merged }, answer: answers.anything }, signal);
    },
    async removeMachine(machineId, signal) {
      try {
        await call({ method: "DELETE", path: pathOf(machineId), answer: answers.anything }, signal);
      } catch (error) {
        if (!(error instanceof HeadscaleRequestError) || error.detail.code !== "NOT_FOUND") throw error;
      }
    },
    readPolicy: (signal) => readStoredPolicy(transport, apiKeyOf(readApiKey), signal),
    listKeys: (signal) => call({ method: "GET", path: "/api/v1/preauthkey", answer: answers.keys }, signal),
    async createKey(tags, lifeMs, signal) {
      // Without an expiration Headscale stores the zero time: the key would be born expired.
      const expiration = new Date(Date.now() + lifeMs).toISOString();
      const body = { reusable: true, ephemeral: false, expiration, aclTags: tags };
      return await call(
        { method: "POST", path: "/api/v1/preauthkey", body, answer: answers.madeKey },
        signal,
      );
    },
    async expireKey(keyId, signal) {
      const path = "/api/v1/preauthkey/expire";
      await call({ method: "POST", path, body: { id: keyId }, answer: answers.anything }, signal);
    },
    close: transport.close,
  };
}
