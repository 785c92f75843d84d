import { z } from "zod";
import {
  formatAddress,
  formatPrefix,
  PrefixError,
  parseAddress,
  parsePrefix,
} from "../../domain/addresses/prefix.ts";
import { mirrorOf } from "../../domain/kubernetes/kubernetes-objects.ts";
import type { LabelRequirement, LabelSelector } from "../../domain/policy/label-selector.ts";
import type {
  ContainerPort,
  NetworkPolicy,
  PolicyNamespace,
  PolicyPeer,
  PolicyPod,
  PolicyPort,
  PolicyRule,
} from "../../domain/policy/network-policy.ts";
import type { ObjectProblem, Reading } from "../../domain/policy/policy-book.ts";
import { visibleLine } from "../../protocol/visible-text.ts";
import { goList } from "../json/go-list.ts";

/** Go's omitempty and null alike. */
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((found) => found ?? {});

const requirementSchema = z
  .strictObject({
    key: z.string().min(1),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: goList(z.string()),
  })
  .refine(({ operator, values }) => values.length > 0 === (operator === "In" || operator === "NotIn"), {
    message: "In and NotIn take values, Exists and DoesNotExist none",
    path: ["values"],
  });

/** metav1.LabelSelector. In an order of its own, so that what selects the same is told by the same text. */
const selectorSchema = z
  .strictObject({ matchLabels: labels, matchExpressions: goList(requirementSchema) })
  .transform(({ matchLabels, matchExpressions }): LabelSelector => {
    const plain = Object.entries(matchLabels).map(
      ([key, value]): LabelRequirement => ({ key, operator: "In", values: [value] }),
    );
    const all = [
      ...plain,
      ...matchExpressions.map(({ key, operator, values }) => ({ key, operator, values: values.toSorted() })),
    ];
    return all.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  });

/** What lies behind a prefix's length is nothing to Go's net.ParseCIDR; the API server only warns of it. */
const prefixSchema = z.string().transform((text, context) => {
  try {
    return formatPrefix(parsePrefix(text));
  } catch (error) {
    if (error instanceof PrefixError && error.detail.code === "HOST_BITS") return error.detail.meant;
    context.addIssue({
      code: "custom",
      message: `${JSON.stringify(text)} is no prefix such as 10.244.0.0/16`,
    });
    return z.NEVER;
  }
});

const blockSchema = z.strictObject({ cidr: prefixSchema, except: goList(prefixSchema) });

const peerSchema = z
  .strictObject({
    podSelector: selectorSchema.nullish(),
    namespaceSelector: selectorSchema.nullish(),
    ipBlock: blockSchema.nullish(),
  })
  .transform(({ podSelector, namespaceSelector, ipBlock }, context): PolicyPeer => {
    const selects = podSelector != null || namespaceSelector != null;
    if (ipBlock != null && !selects) return { kind: "block", prefix: ipBlock.cidr, except: ipBlock.except };
    if (ipBlock == null && selects)
      return { kind: "pods", namespaces: namespaceSelector ?? "own", pods: podSelector ?? [] };
    context.addIssue({
      code: "custom",
      message: "a peer is either an ipBlock or selectors, and one of them",
    });
    return z.NEVER;
  });

const protocolSchema = z.enum(["TCP", "UDP", "SCTP"]);
const portNumber = z.int().min(1).max(65_535);

const portSchema = z
  .strictObject({
    protocol: protocolSchema.nullish(),
    port: z.union([portNumber, z.string().min(1)]).nullish(),
    endPort: portNumber.nullish(),
  })
  .transform(({ protocol: given, port, endPort }, context): PolicyPort => {
    const protocol = given ?? "TCP";
    if (typeof port === "number") {
      const last = endPort ?? port;
      if (last >= port) return { protocol, first: port, last };
    } else if (endPort == null)
      return typeof port === "string" ? { protocol, name: port } : { protocol, first: 0, last: 65_535 };
    context.addIssue({ code: "custom", message: "endPort needs a port that is a number and not above it" });
    return z.NEVER;
  });

const ingressRule = z
  .strictObject({ from: goList(peerSchema), ports: goList(portSchema) })
  .transform(({ from, ports }) => ruleOf(from, ports));
const egressRule = z
  .strictObject({ to: goList(peerSchema), ports: goList(portSchema) })
  .transform(({ to, ports }) => ruleOf(to, ports));

/** No list and an empty one both mean all. */
function ruleOf(peers: readonly PolicyPeer[], ports: readonly PolicyPort[]): PolicyRule {
  return { peers: peers.length === 0 ? "any" : peers, ports: ports.length === 0 ? "any" : ports };
}

const named = z.object({ name: z.string().min(1) });
const namespaced = named.extend({ namespace: z.string().min(1) });

/** What is not known in a spec may narrow it: it is refused rather than taken for wider than it is. */
const policySchema = z.object({
  metadata: namespaced,
  spec: z.strictObject({
    podSelector: selectorSchema.nullish(),
    policyTypes: goList(z.enum(["Ingress", "Egress"])),
    ingress: goList(ingressRule),
    egress: goList(egressRule),
  }),
});

const namespaceSchema = z.object({ metadata: named.extend({ labels }) });

const containerSchema = z.object({
  ports: goList(
    z.object({
      name: z.string().default(""),
      containerPort: portNumber,
      protocol: protocolSchema.default("TCP"),
    }),
  ),
  restartPolicy: z.string().nullish(),
});

const podSchema = z.object({
  metadata: namespaced.extend({
    uid: z.string().min(1),
    creationTimestamp: z.string().nullish(),
    labels,
    annotations: labels,
  }),
  spec: z.object({
    nodeName: z.string().nullish(),
    hostNetwork: z.boolean().nullish(),
    containers: goList(containerSchema),
    initContainers: goList(containerSchema),
  }),
  status: z
    .object({ phase: z.string().nullish(), podIPs: goList(z.object({ ip: z.string() })) })
    .prefault({}),
});

/** Without policyTypes it isolates for ingress, and for egress if it has rules of that (Kubernetes' own default). */
export function readNetworkPolicy(value: unknown): Reading<NetworkPolicy> {
  return read(policySchema, "NetworkPolicy", value, ({ metadata: { namespace, name }, spec }) => {
    const { podSelector, policyTypes: given, ingress, egress } = spec;
    const types = given.length > 0 ? given : ["Ingress", ...(egress.length > 0 ? ["Egress"] : [])];
    return {
      ...{ namespace, name, pods: podSelector ?? [] },
      ...(types.includes("Ingress") ? { ingress } : {}),
      ...(types.includes("Egress") ? { egress } : {}),
    };
  });
}

export function readPolicyNamespace(value: unknown): Reading<PolicyNamespace> {
  return read(namespaceSchema, "Namespace", value, ({ metadata }) => ({
    name: metadata.name,
    labels: metadata.labels,
  }));
}

export function readPolicyPod(value: unknown): Reading<PolicyPod> {
  return read(podSchema, "Pod", value, ({ metadata, spec, status }) => ({
    ...{ namespace: metadata.namespace, name: metadata.name, uid: metadata.uid, labels: metadata.labels },
    runtimeUid: metadata.annotations[mirrorOf] ?? metadata.uid,
    createdAt: metadata.creationTimestamp ?? "",
    node: spec.nodeName ?? "",
    addresses: status.podIPs.flatMap(({ ip }) => canonicalAddress(ip)),
    ports: [
      ...spec.containers,
      // Those that stay beside the others (KEP-753).
      ...spec.initContainers.filter(({ restartPolicy }) => restartPolicy === "Always"),
    ].flatMap(({ ports }) => ports.flatMap(containerPort)),
    hostNetwork: spec.hostNetwork === true,
    ended: status.phase === "Succeeded" || status.phase === "Failed",
  }));
}

function containerPort(port: {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol: ContainerPort["protocol"];
}): readonly ContainerPort[] {
  return port.name === "" ? [] : [{ name: port.name, protocol: port.protocol, port: port.containerPort }];
}

function canonicalAddress(text: string): readonly string[] {
  try {
    const { family, value } = parseAddress(text);
    return [formatAddress(family, value)];
  } catch (error) {
    if (error instanceof PrefixError) return [];
    throw error;
  }
}

const identity = z.object({
  metadata: z.object({ name: z.string().catch(""), namespace: z.string().catch("") }),
});

function read<Parsed, Item>(
  schema: z.ZodType<Parsed>,
  kind: ObjectProblem["kind"],
  value: unknown,
  take: (parsed: Parsed) => Item,
): Reading<Item> {
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return { item: take(data as Parsed) };
  const { name, namespace } = identity.safeParse(value).data?.metadata ?? { name: "", namespace: "" };
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map(String).join(".");
  const text = visibleLine(issue?.message ?? "");
  return { problem: { code: "UNKNOWN_SHAPE", kind, namespace, name, path, text } };
}
