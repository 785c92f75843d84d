import type { KernelSnapshot } from "../../../domain/kernel/kernel-state.ts";
import type { NodeAddressing } from "../../../domain/kubernetes/node-address.ts";
import type { ServiceProxy } from "../../../domain/kubernetes/service-proxy.ts";
import type { NewerFormat } from "../../../domain/newer-format.ts";
import type { ForeignChain } from "../../../domain/nftables/nft-observation.ts";
import type { BootUnit, OwnerFacts } from "../../../domain/owner/owner-facts.ts";
import type { ExitNodeUse, OwnerTerms } from "../../../domain/owner/owner-terms.ts";

/** Something that was read, or why it could not be. */
export type Fact<T> = { readonly value: T } | { readonly unknown: string };

/** What the checks go by, out of the configuration; prefixes canonical. */
export interface DoctorSettings {
  readonly nodeName: string;
  readonly hostname: string;
  readonly supernets: readonly string[];
  readonly services: readonly string[];
  readonly allowFromUnderlay: readonly string[];
  /** Empty while only Kubernetes knows it. */
  readonly ownPrefixes: readonly string[];
  /** None with tailscale.mode: host. */
  readonly linkPrefixes: readonly string[];
  /** Where the node's own tailscaled listens; empty where one of ours carries the pods. */
  readonly ownerSocket: string;
  /** `tailscale.bootUnit`. */
  readonly bootUnit: boolean;
  /** Name of our tailscaled's interface. */
  readonly tunnelName: string;
  readonly mtu: number;
  readonly underlayPort: number;
  readonly monitoringPort: number;
  readonly headscaleUrl: string;
  readonly approval: "policy" | "controller" | "api";
  readonly tags: readonly string[];
  readonly runtimeDir: string;
  readonly stateDir: string;
  readonly cniBinDir: string;
  /** Where the sysctls of the node can be written. */
  readonly sysctlDir: string;
  readonly cniConfDir: string;
  readonly cniConfName: string;
  readonly chainedPlugins: readonly string[];
  readonly kubernetes: boolean;
  /** `kubernetes.publishNodeAddress`. */
  readonly publishesAddress: boolean;
  /** `kubernetes.networkPolicy`. */
  readonly networkPolicies: boolean;
}

/** Everything that is read of a node and of what it talks to; plain data. */
export interface DoctorFacts {
  readonly node: NodeFacts;
  readonly firewall: Fact<FirewallFacts>;
  readonly cni: CniFacts;
  readonly headscale: HeadscaleFacts;
  readonly daemon: Fact<DaemonFacts>;
  /** The tailscaled that carries the pods, when it runs. */
  readonly tailnet: Fact<TailnetFacts>;
  /** That of the node's owner; undefined where one of ours carries the pods. */
  readonly owner: OwnerFact | undefined;
  readonly bootUnit: BootUnit;
  /** Undefined without Kubernetes. */
  readonly kubernetes: KubernetesFacts | undefined;
}

/** What was tried in a throw-away namespace. */
export const kernelFeatures = ["attachment", "routing", "firewall", "tailnetFirewall", "forwarding"] as const;
export type KernelFeature = (typeof kernelFeatures)[number];
export interface FeatureTrial {
  readonly feature: KernelFeature;
  /** The kernel's words; empty when it worked. */
  readonly refusal: string;
}

export interface NodeFacts {
  readonly kernelRelease: string;
  /** Names of capabilities that HeadCNI needs and this process lacks. */
  readonly missingCapabilities: readonly string[];
  readonly trials: Fact<readonly FeatureTrial[]>;
  /** Why /dev/net/tun does not open; empty when it does. */
  readonly tunDevice: string;
  readonly snapshot: Fact<KernelSnapshot>;
  /** MTU of tailscaled's interface as it is; unknown: headcni-wire or its tailscaled does not run. */
  readonly tunnelMtu: Fact<number>;
  /** By name below /proc/sys; those that do not exist are absent. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Whether /proc/sys/net can be written. */
  readonly sysctlsWritable: boolean;
  readonly missingPrograms: readonly string[];
  /** The first line of `tailscaled --version`. */
  readonly tailscaledVersion: Fact<string>;
  readonly directories: readonly DirectoryFacts[];
  /** What a later release left on the node. */
  readonly newerFormats: readonly NewerFormat[];
  /** Local ports in use in the node's namespace. */
  readonly udpPorts: readonly number[];
  readonly tcpPorts: readonly number[];
  /** The node's nameservers, as our tailscaled asks them: as any other address, or on loopback and forwarded. */
  readonly nameservers: { readonly direct: readonly string[]; readonly forwarded: readonly string[] };
}

export interface DirectoryFacts {
  readonly path: string;
  /** The nearest folder above that exists, or the path itself. */
  readonly existing: string;
  /** Why nothing can be written there ("EROFS"); empty when something can. */
  readonly refusal: string;
  readonly freeBytes: number;
  /** Whether a reboot empties it. */
  readonly inMemory: boolean;
}

export interface FirewallFacts {
  readonly foreign: readonly ForeignChain[];
  /** Tables that only the program which made them may change (nft's flag "owner"). */
  readonly ownedTables: readonly string[];
  /** Rules of iptables-legacy's filter table, as `iptables-legacy -S` prints them; empty when that kind is unused. */
  readonly legacyRules: readonly string[];
  readonly serviceProxy: ServiceProxy;
}

export interface CniFacts {
  /** Configurations in the runtime's directory, in its order. */
  readonly configurations: readonly string[];
  /** Those that the runtime takes before ours. */
  readonly before: readonly string[];
  readonly ourConflistPresent: boolean;
  /** False in a container into which the plugin directory is not mounted. */
  readonly pluginsVisible: boolean;
  /** What is in the way of running the plugin; empty when it answers VERSION. */
  readonly pluginFault: string;
  readonly pluginPresent: boolean;
  readonly pluginVersions: readonly string[];
  /** Executables in the plugin directory. */
  readonly plugins: readonly string[];
}

export interface HeadscaleFacts {
  /** Addresses that the URL's host stands for. */
  readonly addresses: Fact<readonly string[]>;
  /** Undefined once it answers; else the code of what went wrong. */
  readonly unreachable: string | undefined;
  readonly version: Fact<string>;
  /** The server's clock minus ours, in seconds. */
  readonly clockSkewSeconds: Fact<number>;
  /** Whether this Headscale itself serves DERP. */
  readonly embeddedDerp: Fact<boolean>;
  /** The pre-auth key's first 23 characters (kind and public prefix, no secret); unknown: there is none to read. */
  readonly authKeyPrefix: Fact<string>;
  /** What the API key, if there is one, was good for. */
  readonly admin: Fact<AdminFacts>;
}

/** What only an API key shows. */
export interface AdminFacts {
  /** The policy's text; empty: none is stored. */
  readonly policy: Fact<string>;
  readonly nodes: readonly TailnetNodeFacts[];
  readonly authKeys: readonly AuthKeyFacts[];
}

export interface TailnetNodeFacts {
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  readonly routes: readonly string[];
}

export interface AuthKeyFacts {
  /** As listed: the secret part is masked. */
  readonly key: string;
  readonly used: boolean;
  readonly reusable: boolean;
  readonly expired: boolean;
  readonly tags: readonly string[];
}

export interface DaemonFacts {
  readonly serving: boolean;
  readonly state: string;
  readonly reason: string;
}

export interface TailnetFacts {
  /** This node's id in Headscale. */
  readonly nodeId: string;
  readonly backendState: string;
  readonly online: boolean;
  readonly hostname: string;
  readonly primaryRoutes: readonly string[];
  readonly peers: readonly TailnetNodeFacts[];
  /** Hosts of the relays in the DERP map. */
  readonly relayHosts: readonly string[];
}

/** What its owner made of the node's tailscaled. */
export interface OwnersTailscaled {
  readonly facts: OwnerFacts;
  readonly exitNode: ExitNodeUse;
  readonly netfilter: OwnerTerms["netfilter"];
  /** Whom Headscale's policy knows the node as: its tags, or else its user. */
  readonly identity: { readonly tags: readonly string[]; readonly user: string };
  /** Whether there is a pre-auth key to log it in with. */
  readonly logsIn: boolean;
}

/** Why it cannot be looked at. `OTHER`: only the words tell. */
export type OwnerFault =
  | "NO_SOCKET"
  | "NOBODY_LISTENS"
  | "FORBIDDEN"
  | "SILENT"
  | "TOO_OLD"
  | "REFUSED"
  | "UNREADABLE"
  | "RECORDS_UNREADABLE"
  | "OTHER";

export type OwnerFact =
  | { readonly value: OwnersTailscaled }
  | { readonly unknown: string; readonly fault: OwnerFault };

export interface KubernetesFacts {
  /** Why the API server does not answer; empty when it does. */
  readonly unreachable: string;
  /** The Node of this node; undefined: there is none. */
  readonly ownPodCidrs: Fact<readonly string[] | undefined>;
  /** Of that Node; undefined: there is none. */
  readonly ownAddressing: Fact<NodeAddressing | undefined>;
  readonly nodes: Fact<readonly { readonly name: string; readonly podCidrs: readonly string[] }[]>;
  /** Prefixes of the ServiceCIDR objects; none where the API server has no such kind. */
  readonly serviceCidrs: Fact<readonly string[]>;
  /** "watch pods" and so on: what the service account may not do. */
  readonly forbidden: Fact<readonly string[]>;
}
