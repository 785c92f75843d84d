import fc from "fast-check";
import type { AttachedPod, PolicyNode } from "../../../src/domain/policy/network-policy.ts";
import { addressInside } from "../../support/kernel/address-bits.ts";
import type {
  ApiCluster,
  ApiContainerPort,
  ApiNamespace,
  ApiPeer,
  ApiPod,
  ApiPolicy,
  ApiPort,
  ApiRule,
  ApiSelector,
  Opener,
} from "./api-objects.ts";

/** Small worlds, where selectors, prefixes, ports and addresses meet often. */

/** The first one is where policies are enforced. */
export const clusterNodes: readonly PolicyNode[] = [
  { name: "n1", podCidrs: ["10.244.1.0/24", "fd00:1::/64"], addresses: ["192.0.2.1", "2001:db8::1"] },
  { name: "n2", podCidrs: ["10.244.2.0/24", "fd00:2::/64"], addresses: ["192.0.2.2", "2001:db8::2"] },
];
const slots = [10, 11, 12, 13];
const namespaceNames = ["red", "green", "blue"];
const keys = ["app", "tier", "constructor"];
const values = ["a", "b", "c"];
export const openerPorts = [53, 80, 81, 82, 443, 8080];

export function podAddress(node: number, slot: number, family: 4 | 6): string {
  return family === 4 ? `10.244.${node}.${slot}` : `fd00:${node}::${slot.toString(16)}`;
}

const labels = fc.dictionary(fc.constantFrom(...keys), fc.constantFrom(...values), { maxKeys: 3 });

const expression = fc
  .record({
    key: fc.constantFrom(...keys),
    operator: fc.constantFrom("In" as const, "NotIn" as const, "Exists" as const, "DoesNotExist" as const),
    values: fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }),
  })
  .map(({ operator, ...rest }) =>
    operator === "In" || operator === "NotIn" ? { operator, ...rest } : { operator, key: rest.key },
  );

const selector: fc.Arbitrary<ApiSelector> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc
      .dictionary(fc.constantFrom(...keys), fc.constantFrom(...values), { maxKeys: 1 })
      .map((matchLabels) => ({ matchLabels })),
  },
  {
    weight: 3,
    arbitrary: fc
      .array(expression, { minLength: 1, maxLength: 2 })
      .map((matchExpressions) => ({ matchExpressions })),
  },
);

const prefixes = [
  ...["0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16", "10.244.1.0/24", "10.244.2.0/24", "10.244.1.10/31"],
  ...["10.244.1.12/30", "10.244.2.11/32", "10.244.2.0/28", "10.244.2.1/32", "192.0.2.0/24", "203.0.113.0/24"],
  ...["::/0", "fd00::/16", "fd00:1::/64", "fd00:2::/64", "fd00:1::a/127", "fd00:2::c/126", "2001:db8::/32"],
  // What lies behind the length is nothing.
  ...["10.244.2.77/24", "fd00:1::7/64"],
];

const block = fc
  .tuple(fc.constantFrom(...prefixes), fc.uniqueArray(fc.constantFrom(...prefixes), { maxLength: 3 }))
  .map(([cidr, holes]): ApiPeer => {
    const except = holes.filter(
      (hole) => hole !== cidr && lengthOf(hole) > lengthOf(cidr) && addressInside(baseOf(hole), cidr),
    );
    return { ipBlock: except.length === 0 ? { cidr } : { cidr, except } };
  });

function baseOf(prefix: string): string {
  return prefix.split("/")[0] ?? "";
}
function lengthOf(prefix: string): number {
  return Number(prefix.split("/")[1]);
}

const peer: fc.Arbitrary<ApiPeer> = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  selector.map((namespaceSelector) => ({ namespaceSelector })),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  block,
);

const protocol = fc.constantFrom("TCP" as const, "UDP" as const, "SCTP" as const);
const port: fc.Arbitrary<ApiPort> = fc.oneof(
  fc.record({ port: fc.constantFrom(...openerPorts) }),
  fc.record({ protocol, port: fc.constantFrom(...openerPorts) }),
  fc.record({ protocol, port: fc.constantFrom("web", "dns", "nowhere") }),
  fc.record({ protocol }),
  fc
    .record({ protocol, port: fc.constantFrom(...openerPorts), more: fc.constantFrom(0, 1, 30, 400, 40_000) })
    .map(({ more, ...rest }) => ({ ...rest, endPort: rest.port + more })),
);

const rule = (key: "from" | "to"): fc.Arbitrary<ApiRule> =>
  fc.record(
    { [key]: fc.array(peer, { maxLength: 7 }), ports: fc.array(port, { maxLength: 3 }) },
    { requiredKeys: [] },
  ) as fc.Arbitrary<ApiRule>;

const policyBody = fc.record(
  {
    podSelector: selector,
    policyTypes: fc.constantFrom<readonly ("Ingress" | "Egress")[]>(
      [],
      ["Ingress"],
      ["Egress"],
      ["Ingress", "Egress"],
    ),
    ingress: fc.array(rule("from"), { maxLength: 3 }),
    egress: fc.array(rule("to"), { maxLength: 3 }),
  },
  { requiredKeys: ["podSelector"] },
);

const policies: fc.Arbitrary<readonly ApiPolicy[]> = fc
  .array(fc.tuple(fc.constantFrom(...namespaceNames), policyBody), { maxLength: 6 })
  .map((list) => list.map(([namespace, spec], at) => ({ metadata: { namespace, name: `p${at}` }, spec })));

/** Each may be unknown: the API server told of its pods first. */
const namespaces: fc.Arbitrary<readonly ApiNamespace[]> = fc
  .tuple(...namespaceNames.map(() => fc.option(labels, { freq: 8 })))
  .map((list) =>
    list.flatMap((found, at) =>
      found === null ? [] : [{ metadata: { name: namespaceNames[at] ?? "", labels: found } }],
    ),
  );

const containerPort: fc.Arbitrary<ApiContainerPort> = fc.record(
  { name: fc.constantFrom("web", "dns"), containerPort: fc.constantFrom(...openerPorts), protocol },
  { requiredKeys: ["name", "containerPort"] },
);

const podBody = fc.record({
  namespace: fc.constantFrom(...namespaceNames),
  node: fc.constantFrom(1, 1, 2),
  slot: fc.constantFrom(...slots),
  families: fc.constantFrom<readonly (4 | 6)[]>([4], [6], [4, 6], [4, 6]),
  labels,
  ports: fc.array(containerPort, { maxLength: 3 }),
  sidecar: fc.constantFrom("Always", "OnFailure"),
  kind: fc.constantFrom(
    "plain",
    "plain",
    "plain",
    "plain",
    "hostNetwork",
    "Succeeded",
    "Failed",
    "Pending",
    "router",
    "elsewhere",
    "untold",
  ),
  age: fc.integer({ min: 0, max: 2 }),
});

function podOf(body: typeof podBody extends fc.Arbitrary<infer Body> ? Body : never, at: number): ApiPod {
  const { namespace, node, slot, families, kind } = body;
  const claimed = families.map((family) => {
    if (kind === "hostNetwork") return clusterNodes[node - 1]?.addresses[family === 4 ? 0 : 1] ?? "";
    if (kind === "router") return podAddress(node, 1, family);
    // Of another node's prefix: its kubelet lies.
    return podAddress(kind === "elsewhere" ? 3 - node : node, slot, family);
  });
  return {
    metadata: {
      ...{ namespace, name: `pod${at}`, uid: `u${at}`, labels: body.labels },
      creationTimestamp: `2026-01-01T00:00:0${body.age}Z`,
    },
    spec: {
      nodeName: `n${node}`,
      ...(kind === "hostNetwork" ? { hostNetwork: true } : {}),
      containers: [{ ports: body.ports.slice(0, 2) }],
      initContainers: [{ restartPolicy: body.sidecar, ports: body.ports.slice(2) }],
    },
    status: {
      phase: kind === "Succeeded" || kind === "Failed" || kind === "Pending" ? kind : "Running",
      ...(kind === "untold" ? {} : { podIPs: claimed.map((ip) => ({ ip })) }),
    },
  };
}

/** The last pod that got it has the address. One slot is sometimes a pod's that nobody told of. */
function attachedOf(
  bodies: readonly {
    readonly node: number;
    readonly slot: number;
    readonly kind: string;
    readonly families: readonly (4 | 6)[];
  }[],
  pods: readonly ApiPod[],
  stranger: string | null,
): readonly AttachedPod[] {
  const bySlot = new Map<number, AttachedPod>();
  bodies.forEach(({ node, slot, kind, families }, at) => {
    const metadata = pods[at]?.metadata;
    if (node !== 1 || ["hostNetwork", "router", "elsewhere"].includes(kind) || metadata === undefined) return;
    const addresses = families.map((family) => podAddress(1, slot, family));
    bySlot.set(slot, { podUid: metadata.uid, namespace: metadata.namespace, addresses });
  });
  if (stranger !== null)
    bySlot.set(13, {
      podUid: "stranger",
      namespace: stranger,
      addresses: [podAddress(1, 13, 4), podAddress(1, 13, 6)],
    });
  return [...bySlot.values()];
}

export const anyCluster: fc.Arbitrary<ApiCluster> = fc
  .record({
    policies,
    namespaces,
    bodies: fc.array(podBody, { minLength: 1, maxLength: 9 }),
    stranger: fc.option(fc.constantFrom("", ...namespaceNames), { freq: 2 }),
  })
  .map(({ bodies, stranger, ...rest }) => {
    const pods = bodies.map(podOf);
    return { ...rest, pods, nodes: clusterNodes, attached: attachedOf(bodies, pods, stranger) };
  });

/** The cluster before and after somebody changed it: most of it stays. */
export const anyChange: fc.Arbitrary<readonly [ApiCluster, ApiCluster]> = fc
  .tuple(
    anyCluster,
    anyCluster,
    fc.record({ policies: fc.nat(3), pods: fc.boolean(), namespaces: fc.nat(3) }),
  )
  .map(([before, other, changes]) => [
    before,
    {
      ...before,
      policies: [
        ...before.policies.slice(changes.policies),
        ...other.policies.slice(0, changes.policies).map(({ metadata, spec }, at) => ({
          metadata: { ...metadata, name: `new${at}` },
          spec,
        })),
      ],
      ...(changes.pods ? { pods: other.pods, attached: other.attached } : {}),
      ...(changes.namespaces === 0 ? { namespaces: other.namespaces } : {}),
    },
  ]);

/** What changes of other nodes' pods and of namespaces alone. */
export const anyRemoteChange: fc.Arbitrary<readonly [ApiCluster, ApiCluster]> = fc
  .tuple(anyCluster, anyCluster, fc.boolean())
  .map(([before, other, namespaces]) => {
    const isOwn = ({ spec }: ApiPod) => spec.nodeName === "n1";
    const others = other.pods
      .filter((pod) => !isOwn(pod))
      .map((pod) => ({ ...pod, metadata: { ...pod.metadata, uid: `${pod.metadata.uid}-new` } }));
    const pods = [...before.pods.filter(isOwn), ...others];
    return [before, { ...before, pods, ...(namespaces ? { namespaces: other.namespaces } : {}) }];
  });

/** The addresses of the first node's pods, by pod. */
export const ownSlots: readonly (readonly string[])[] = slots.map((slot) => [
  podAddress(1, slot, 4),
  podAddress(1, slot, 6),
]);

/** All others that a packet may have. */
export const elsewhere: readonly string[] = [
  ...slots.flatMap((slot) => [podAddress(2, slot, 4), podAddress(2, slot, 6)]),
  ...["10.244.1.1", "10.244.2.1", "fd00:1::1", "fd00:2::1"],
  ...["203.0.113.9", "2001:db8:9::9"],
  ...clusterNodes.flatMap(({ addresses }) => addresses),
];

const everywhere = [...ownSlots.flat(), ...elsewhere];
const places = {
  4: everywhere.filter((address) => !address.includes(":")),
  6: everywhere.filter((address) => address.includes(":")),
} as const;

/** Of both families, each with one end that is likely a pod of the node. */
export const anyOpener: fc.Arbitrary<Opener> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    slot: fc.constantFrom(...slots),
    other: fc.nat(),
    sends: fc.boolean(),
    protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const, "icmp" as const),
    port: fc.constantFrom(...openerPorts),
  })
  .map(({ family, slot, other, sends, protocol, port }) => {
    const own = podAddress(1, slot, family);
    const peer = places[family][other % places[family].length] ?? own;
    return { source: sends ? own : peer, destination: sends ? peer : own, protocol, port };
  });
