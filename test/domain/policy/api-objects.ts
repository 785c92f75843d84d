import type { AttachedPod, PolicyNode } from "../../../src/domain/policy/network-policy.ts";

/** Objects as the API server has them, as far as policies look at them. */

export interface ApiSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

export interface ApiPeer {
  readonly podSelector?: ApiSelector;
  readonly namespaceSelector?: ApiSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export type ApiProtocol = "TCP" | "UDP" | "SCTP";

export interface ApiPort {
  readonly protocol?: ApiProtocol;
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface ApiRule {
  readonly from?: readonly ApiPeer[];
  readonly to?: readonly ApiPeer[];
  readonly ports?: readonly ApiPort[];
}

export interface ApiPolicy {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly podSelector: ApiSelector;
    readonly policyTypes?: readonly ("Ingress" | "Egress")[];
    readonly ingress?: readonly ApiRule[];
    readonly egress?: readonly ApiRule[];
  };
}

export interface ApiNamespace {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

export interface ApiPod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly nodeName: string;
    readonly hostNetwork?: boolean;
    readonly containers: readonly { readonly ports?: readonly ApiContainerPort[] }[];
    readonly initContainers?: readonly {
      readonly restartPolicy?: string;
      readonly ports?: readonly ApiContainerPort[];
    }[];
  };
  readonly status: { readonly phase: string; readonly podIPs?: readonly { readonly ip: string }[] };
}

export interface ApiContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: ApiProtocol;
}

/** A cluster as the API server and one node's kernel know it. */
export interface ApiCluster {
  readonly policies: readonly ApiPolicy[];
  readonly namespaces: readonly ApiNamespace[];
  readonly pods: readonly ApiPod[];
  readonly nodes: readonly PolicyNode[];
  readonly attached: readonly AttachedPod[];
}

/** The first packet of a flow, behind the translation of its destination. */
export interface Opener {
  readonly source: string;
  readonly destination: string;
  readonly protocol: "tcp" | "udp" | "sctp" | "icmp";
  readonly port: number;
}
