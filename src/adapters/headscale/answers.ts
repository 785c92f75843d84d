import * as z from "zod";
import { goList } from "../json/go-list.ts";

// grpc-gateway writes uint64 as a string and unset lists as []; 0.30 keeps these shapes (reference: openapi.yaml).
const id = z.union([z.string(), z.number()]).transform(String);
const list = goList(z.string());

const node = z
  .object({
    id,
    name: z.string().default(""),
    online: z.boolean().default(false),
    availableRoutes: list,
    approvedRoutes: list,
    subnetRoutes: list,
  })
  .transform(({ subnetRoutes, ...rest }) => ({ ...rest, servingRoutes: subnetRoutes }));

const user = z.object({ id, name: z.string() });

/** The answers of Headscale's REST API, the fields we use (proto/headscale/v1 in 0.29, openapi in 0.30). */
export const answers = {
  anything: z.unknown(),
  node: z.object({ node }).transform((answer) => answer.node),
  nodes: z.object({ nodes: z.array(node) }).transform((answer) => answer.nodes),
  users: z.object({ users: z.array(user) }).transform((answer) => answer.users),
  authKey: z
    .object({ preAuthKey: z.object({ key: z.string().min(1) }) })
    .transform((answer) => answer.preAuthKey.key),
};
