import type { KernelFlow } from "../domain/kernel/kernel-flow.ts";
import type {
  KernelChange,
  KernelOperation,
  KernelSnapshot,
  NamespaceName,
} from "../domain/kernel/kernel-state.ts";
import type { ElementChange } from "../domain/policy/table-change.ts";

/** The kernel said no. `errno` names are Linux's ("EEXIST"), `text` is the kernel's own. */
export interface KernelRefused {
  readonly code: "KERNEL_REFUSED";
  readonly errno: string;
  readonly operation: string;
  readonly text: string;
}

/** Why the kernel did not do what was asked. */
export type KernelStateFailure =
  | { readonly code: "NAMESPACE_MISSING"; readonly namespace: string }
  | KernelRefused
  | { readonly code: "CLOSED" };

/** The node-wide part of the kernel: links, addresses, routes, rules, sysctls of the node's namespace and of the tailnet namespace. */
export interface KernelState {
  /**
   * Opens (or reopens) sockets in the namespace at `path`; "node" is open from the start. What was open under the name stays
   * when it fails; NAMESPACE_MISSING also when `inode` is given and another namespace is found.
   */
  openNamespace(name: NamespaceName, path: string, inode?: string): Promise<void>;
  /** Makes a new network namespace and bind-mounts it at `path` (absolute); does nothing when one is mounted there. */
  createNamespace(path: string): Promise<void>;
  /** Closes, unmounts and unlinks; absent is fine. */
  removeNamespace(path: string): Promise<void>;
  observe(namespace: NamespaceName): Promise<KernelSnapshot>;
  /** In order; stops at the first refusal with a HeadcniError of KernelStateFailure. Adding what is there and removing what is absent succeed. */
  apply(namespace: NamespaceName, operations: readonly KernelOperation[]): Promise<void>;
  /**
   * Changes elements of an nftables table of ours in the node's namespace, all at once or not at all, with no program started. Throws a
   * HeadcniError of KernelStateFailure.
   */
  changeElements(table: string, changes: readonly ElementChange[]): Promise<void>;
  /** Flows that conntrack knows in the node's namespace and that are forwarded there, opened or answered by one of the addresses or by one inside a prefix. */
  listFlows(addresses: readonly string[], prefixes: readonly string[]): Promise<readonly KernelFlow[]>;
  /** Has conntrack forget flows; those that are gone are fine. Throws a HeadcniError of KernelStateFailure. */
  endFlows(flows: readonly KernelFlow[]): Promise<void>;
  /** Names without `/proc/sys/`, dots or slashes kept as in the file system: "net/ipv4/ip_forward". */
  readSysctls(namespace: NamespaceName, names: readonly string[]): Promise<Readonly<Record<string, string>>>;
  writeSysctls(namespace: NamespaceName, values: Readonly<Record<string, string>>): Promise<void>;
  /** Hints that something changed (rtnetlink and nftables notifications); returns the way to stop listening. */
  watch(listener: (change: KernelChange) => void): () => void;
  /**
   * One ICMP echo in the node's namespace from `source` to `destination`; round trip in ms, or undefined when nothing came back.
   * With `bytes` the IP packet has that size, and is dropped rather than cut where it does not fit.
   */
  echo(source: string, destination: string, timeoutMs: number, bytes?: number): Promise<number | undefined>;
}
