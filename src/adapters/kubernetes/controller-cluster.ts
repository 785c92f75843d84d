import * as z from "zod";
import type { JoinKeyRecord } from "../../domain/approval/join-key.ts";
import { type Lease, leaseTimes } from "../../domain/approval/leadership.ts";
import { parseJson } from "../../domain/parse-json.ts";
import type { ControllerCluster, JoinSecret } from "../../ports/controller-cluster.ts";
import { createApiTransport } from "./api-transport.ts";
import type { KubeConfigReader } from "./kube-config.ts";
import { KubernetesRequestError } from "./kubernetes-error.ts";

/** Where the Secret says what the controller knows about the key in it. Nothing there is secret. */
export const joinKeyAnnotation = "headcni.github.io/join-key";
/** The key of the Secret that daemons read. */
export const authKeyEntry = "auth-key";

export interface ControllerClusterOptions {
  readonly readConfig: KubeConfigReader;
  readonly namespace: string;
  readonly leaseName: string;
  readonly secretName: string;
}

/** Lease of coordination.k8s.io/v1. */
const leaseSchema = z
  .object({
    metadata: z.object({ resourceVersion: z.string() }),
    spec: z
      .object({
        holderIdentity: z.string().nullish(),
        leaseTransitions: z.number().nullish(),
        leaseDurationSeconds: z.number().nullish(),
      })
      .prefault({}),
  })
  .transform(
    ({ metadata, spec }): Lease => ({
      version: metadata.resourceVersion,
      holder: spec.holderIdentity ?? "",
      transitions: spec.leaseTransitions ?? 0,
      durationMs: (spec.leaseDurationSeconds ?? 0) * 1000,
    }),
  );

const recordSchema = z.object({
  id: z.string().min(1),
  shown: z.string().min(1),
  expiresAtMs: z.number(),
  ownIds: z.array(z.string()),
});

const secretSchema = z.object({
  metadata: z.object({
    resourceVersion: z.string(),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** The controller's Lease and Secret. Nothing is read or connected before the first call. */
export function createControllerCluster(
  options: ControllerClusterOptions,
): ControllerCluster & { close(): Promise<void> } {
  const { readConfig, namespace, leaseName, secretName } = options;
  const transport = createApiTransport(readConfig);
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const secret = `/api/v1/namespaces/${namespace}/secrets/${secretName}`;

  return {
    async readLease(signal) {
      try {
        const path = `${leases}/${leaseName}`;
        return read(leaseSchema, path, await transport.call({ method: "GET", path }, signal));
      } catch (error) {
        if (error instanceof KubernetesRequestError && error.detail.code === "NOT_FOUND") return null;
        throw error;
      }
    },
    async writeLease(lease, holder, signal) {
      const now = new Date().toISOString().replace("Z", "000Z");
      const changes = lease !== null && lease.holder !== holder && holder !== "";
      const body = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: {
          name: leaseName,
          namespace,
          ...(lease === null ? {} : { resourceVersion: lease.version }),
        },
        spec: {
          holderIdentity: holder,
          leaseDurationSeconds: holder === "" ? 1 : leaseTimes.durationMs / 1000,
          renewTime: now,
          leaseTransitions: (lease?.transitions ?? 0) + (changes ? 1 : 0),
        },
      };
      const path = lease === null ? leases : `${leases}/${leaseName}`;
      const method = lease === null ? "POST" : "PUT";
      return read(leaseSchema, path, await transport.call({ method, path, body }, signal));
    },
    async readJoinSecret(signal) {
      const found = read(secretSchema, secret, await transport.call({ method: "GET", path: secret }, signal));
      const note = found.metadata.annotations?.[joinKeyAnnotation] ?? "";
      return {
        version: found.metadata.resourceVersion,
        authKey: Buffer.from(found.data?.[authKeyEntry] ?? "", "base64")
          .toString("utf8")
          .trim(),
        record: recordSchema.safeParse(parseJson(note)).data ?? null,
      } satisfies JoinSecret;
    },
    async writeJoinSecret(version, authKey, record: JoinKeyRecord, signal) {
      const body = {
        metadata: { resourceVersion: version, annotations: { [joinKeyAnnotation]: JSON.stringify(record) } },
        data: { [authKeyEntry]: Buffer.from(authKey).toString("base64") },
      };
      const contentType = "application/merge-patch+json";
      await transport.call({ method: "PATCH", path: secret, body, contentType }, signal);
    },
    close: () => transport.close(),
  };
}

function read<Schema extends z.ZodType>(schema: Schema, path: string, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const text = z.prettifyError(parsed.error).slice(0, 300);
  throw new KubernetesRequestError(`the API server's answer to ${path} is not what it promises: ${text}`, {
    code: "UNREADABLE",
    text,
  });
}
