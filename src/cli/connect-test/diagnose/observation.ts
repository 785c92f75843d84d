/** The answer to one echo: round trip in ms, or null when nothing came back in time. */
export type Echo = number | null;

/** Echoes in the two sizes: 64 bytes, and a packet as large as a pod may send, which nobody on the way may cut. */
export interface EchoPair {
  readonly small: Echo;
  readonly full: Echo;
}

/** A node that another one may be tested against. */
export interface TestTarget {
  readonly name: string;
  /** Its address in the tailnet; empty: the tailnet does not know it. */
  readonly tailnetAddress: string;
  readonly routerAddress: string;
  /** Its test pod; empty: it has none. */
  readonly podAddress: string;
}

/** What a node says of itself when a test begins. */
export interface TestNode {
  readonly name: string;
  /** Of all families; `routerAddress` and `podAddress` are of the one that is tested. */
  readonly podCidrs: readonly string[];
  readonly routerAddress: string;
  /** Why its tailscaled does not answer or is not up; empty when it is. */
  readonly tailnetFault: string;
  /** Why the daemon does not answer or serve; empty when it does. */
  readonly daemonFault: string;
  /** Address of the pod that was attached for the test; empty when that failed. */
  readonly podAddress: string;
  readonly podFault: string;
  /** Packet size of the tests called "full", in bytes. */
  readonly mtu: number;
  /** Of its tailscaled's interface; null when that could not be read. */
  readonly tunnelMtu: number | null;
  /** From the test pod to its own node's router address. */
  readonly podToNode: Echo;
  /** From the node to its tailnet namespace. */
  readonly nodeToTailnet: Echo;
  /** The nodes that its tailscaled knows, with the pod CIDRs that they serve. */
  readonly peers: readonly TestPeer[];
}

export interface TestPeer {
  readonly name: string;
  readonly tailnetAddress: string;
  readonly online: boolean;
  readonly podCidrs: readonly string[];
}

/** What one node found on the way to another. */
export interface WayObservation {
  /** By a disco ping; "none": no answer on any path. */
  readonly path: "direct" | "relay" | "none";
  /** Whether a packet came back through WireGuard. */
  readonly tunnel: boolean;
  readonly nodeToNode: EchoPair;
  /** From this node's test pod to the other node's router address; undefined without a test pod. */
  readonly podToNode: EchoPair | undefined;
  /** From test pod to test pod; undefined unless both have one. */
  readonly podToPod: EchoPair | undefined;
}

/** One ordered pair of nodes. `to` is undefined where the other node could not be asked itself. */
export interface PairObservation {
  readonly from: TestNode;
  readonly toName: string;
  readonly to: TestNode | undefined;
  /** What `from` knows of the other node; undefined: its tailscaled knows no prefix of the tested family there. */
  readonly peer: TestPeer | undefined;
  /** Undefined when nothing could be tried. */
  readonly way: WayObservation | undefined;
  /** TCP from pod to pod; undefined when it was not measured. */
  readonly bitsPerSecond: number | undefined;
}
