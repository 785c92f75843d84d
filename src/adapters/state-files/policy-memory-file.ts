import { readFile } from "node:fs/promises";
import * as z from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import type { PolicyMemory } from "../../domain/policy/policy-ledger.ts";
import type { PolicyMemoryStore } from "../../ports/policy-memory.ts";
import { replaceFile } from "../files/write-whole.ts";

const labels = z.record(z.string(), z.string());
const selector = z.array(
  z.object({
    key: z.string(),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(z.string()),
  }),
);
const protocol = z.enum(["TCP", "UDP", "SCTP"]);
const peer = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("pods"), namespaces: z.union([z.literal("own"), selector]), pods: selector }),
  z.object({ kind: z.literal("block"), prefix: z.string(), except: z.array(z.string()) }),
]);
const port = z.union([
  z.object({ protocol, first: z.int(), last: z.int() }),
  z.object({ protocol, name: z.string() }),
]);
const any = z.literal("any");
const rules = z.array(
  z.object({ peers: z.union([any, z.array(peer)]), ports: z.union([any, z.array(port)]) }),
);
const policy = z.object({
  namespace: z.string(),
  name: z.string(),
  pods: selector,
  ingress: z.exactOptional(rules),
  egress: z.exactOptional(rules),
});
const problem = z.object({
  code: z.literal("UNKNOWN_SHAPE"),
  kind: z.enum(["NetworkPolicy", "Namespace", "Pod"]),
  namespace: z.string(),
  name: z.string(),
  path: z.string(),
  text: z.string(),
});
const pod = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  runtimeUid: z.string(),
  createdAt: z.string(),
  node: z.string(),
  labels,
  addresses: z.array(z.string()),
  ports: z.array(z.object({ name: z.string(), protocol, port: z.int() })),
  hostNetwork: z.boolean(),
  ended: z.boolean(),
});
const memorySchema = z.object({
  version: z.literal(1),
  policies: z.record(
    z.string(),
    z.object({ policy: z.exactOptional(policy), problem: z.exactOptional(problem) }),
  ),
  namespaces: z.record(z.string(), z.object({ name: z.string(), labels })),
  pods: z.record(z.string(), pod),
}) satisfies z.ZodType<PolicyMemory>;

/** The memory in a file of the state directory. */
export function createPolicyMemory(path: string): PolicyMemoryStore {
  return {
    async read() {
      const text = await readFile(path, "utf8").catch(() => undefined);
      const parsed = memorySchema.safeParse(text === undefined ? undefined : parseJson(text));
      if (!parsed.success) return null;
      const { policies, namespaces, pods } = parsed.data;
      return { policies, namespaces, pods };
    },
    async write(memory, signal) {
      await replaceFile(path, `${JSON.stringify({ version: 1, ...memory })}\n`, signal);
    },
  };
}
