import type { KubeadmTools } from "./kubeadm/kubeadm-types.ts";
import type { ClusterOptions, ClusterTools } from "./kubernetes/cluster-types.ts";

/** How a node's prefixes are approved in Headscale: by its policy, by headcni-controller (with network chart), or by each node through the API. */
export type Approval = "policy" | "controller" | "api";

/** Headscale's own batching delays: `default` (500/800 ms) as in production, `fast` (20/50 ms) for short tests. */
export type Tuning = "default" | "fast";

/** Whose tailscaled carries a node's pods: HeadCNI's own in a namespace of its own, or that of the node's owner (`tailscale.mode`). */
export type Mode = "daemon" | "host";

/** Which plugin the pods of a lab get: HeadCNI, or the reference plugins beside it on the same nodes. */
export type LabOptions = {
  readonly nodes: number;
  /** Of all nodes; absent: `daemon`. `mixed`: odd nodes are in mode daemon, even ones in mode host. */
  readonly mode?: Mode | "mixed" | undefined;
  readonly approval: Approval;
  readonly tuning: Tuning;
  /** Nodes (by name) in mode daemon that also run a tailscaled of their owner's, as a machine in use would. */
  readonly hostTailscaled: readonly string[];
  /** Nodes behind a router that masquerades: reachable only through what they opened themselves. */
  readonly behindNat: readonly string[];
  /** Nodes whose tailscaled talks through DERP only. */
  readonly relayOnly: readonly string[];
  /** Gives every tailscaled the nodeAttr `cache-network-maps`: it can restart while Headscale is away. */
  readonly cacheNetworkMaps: boolean;
  /** `bundle` runs what `npm run build` makes, `source` the TypeScript itself, `none` no daemon at all. */
  readonly daemon: "bundle" | "source" | "none";
  /** Address families of the pods, the main one first. */
  readonly families: readonly (4 | 6)[];
  /**
   * Those of the underlay, Headscale and the relay; absent: IPv4, and IPv6 where pods have it. A node behind a router has IPv6 of
   * its own by way of that.
   */
  readonly underlay?: readonly (4 | 6)[] | undefined;
  /** Overrides for the daemon's config by dotted path, for example `{"ipam.strategy": "random"}`. */
  readonly config: Readonly<Record<string, unknown>>;
  /**
   * Gives each node a resolver on its 127.0.0.1 alone that knows this one name, that of the underlay's 10.99.0.1, and a resolv.conf
   * that names nothing else. Not for clusters.
   */
  readonly nameOnLoopback?: string | undefined;
  /** Nodes (by name) that run a systemd of their own, with HeadCNI's files in place and not installed (systemd/README.md). */
  readonly systemd?: readonly string[] | undefined;
  /**
   * Nodes, all with systemd and in mode host, have what operators install before `kubeadm init`, and their owners have not logged in;
   * Headscale has neither policy nor keys (kubeadm/README.md).
   */
  readonly kubeadm?: boolean | undefined;
  /** The Kubernetes cluster on the nodes; without it pods are namespaces that cnitool attaches. */
  readonly kubernetes?: ClusterOptions | undefined;
};

/** The programs a lab runs, as absolute paths. */
export type Tools = {
  readonly headscale: string;
  readonly derper: string;
  readonly farStun: string;
  /** Sends packets as given, and connects as a user without rights. */
  readonly attacker: string;
  readonly tailscale: string;
  readonly tailscaled: string;
  readonly cnitool: string;
  /** Folder with the reference plugins: bridge, ptp, loopback, host-local, portmap. */
  readonly referencePlugins: string;
  /** The HeadCNI plugin; undefined without the daemon. */
  readonly plugin: string | undefined;
  /** The programs of the cluster, if there is one. */
  readonly cluster?: ClusterTools | undefined;
  /** What is on the nodes of a lab with kubeadm. */
  readonly kubeadm?: KubeadmTools | undefined;
};

/** One node of a lab: a network namespace with its own daemon. All paths absolute. */
export type LabNode = {
  readonly name: string;
  readonly mode: Mode;
  readonly index: number;
  readonly netns: string;
  /** IPv4 underlay address, in labs that have one, and the router it sits behind if it does. */
  readonly address: string;
  readonly natNetns: string | undefined;
  /** IPv6 underlay address, in labs that have one. */
  readonly address6: string | undefined;
  /** One per family of the lab, in its order; the router address is the first address of each. */
  readonly podCIDRs: readonly string[];
  readonly routerAddresses: readonly string[];
  /** The first of each. */
  readonly podCIDR: string;
  readonly routerAddress: string;
  readonly folder: string;
  readonly runtimeDir: string;
  readonly stateDir: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly cniSocket: string;
  readonly httpSocket: string;
  readonly metricsUrl: string;
  /** LocalAPI of the tailscaled that carries pods. */
  readonly tailscaledSocket: string;
  /** LocalAPI of the tailscaled of the node's owner, if it has one; in mode host both are the same. */
  readonly hostTailscaledSocket: string | undefined;
};

/** A lab, up or half up: a description that any process can read back from the lab's folder. */
export type Lab = {
  readonly id: string;
  readonly folder: string;
  readonly processFolder: string;
  readonly options: LabOptions;
  readonly tools: Tools;
  /** Command line of the daemon without its arguments; undefined without the daemon. */
  readonly daemon: readonly [string, ...string[]] | undefined;
  /** The pods' supernets, one per family in the lab's order, and the first of them. */
  readonly supernets: readonly string[];
  readonly supernet: string;
  /** Namespace of the underlay's bridge, Headscale and DERP. */
  readonly netns: string;
  readonly headscale: {
    readonly url: string;
    readonly debugUrl: string;
    readonly folder: string;
    readonly configFile: string;
    readonly apiKeyFile: string;
    readonly authKeyFile: string;
    readonly hostAuthKeyFile: string;
    readonly logFile: string;
  };
  readonly derp: {
    readonly url: string;
    readonly stunPort: number;
    readonly regionId: number;
    readonly mapFile: string;
    readonly logFile: string;
  };
  readonly nodes: readonly LabNode[];
};
