import type { NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import { KernelRefusal } from "../kernel-errors.ts";
import type { Libc } from "../libc.ts";
import { type NetlinkSocket, netlinkNetfilter, openNetlinkSocket } from "../netlink-socket.ts";
import { type MonitorSockets, openMonitor } from "./monitor.ts";
import { NamespaceError, type Namespaces, type OpenNamespace } from "./namespaces.ts";

/** A namespace the daemon keeps in order: sockets for its requests, and those that hear of its changes. */
export interface KeptNamespace {
  readonly name: NamespaceName;
  readonly namespace: OpenNamespace;
  /** rtnetlink. */
  readonly requests: NetlinkSocket;
  readonly nftables: NetlinkSocket;
  readonly monitor: MonitorSockets;
}

/** A transaction is one send: the elements of some 100,000 pods. */
const sendBufferBytes = 16 * 1024 * 1024;

/** "node" is there from the start, "tailnet" once opened. */
export interface KeptNamespaces {
  /** Throws KernelRefusal NAMESPACE_MISSING. */
  get(name: NamespaceName): KeptNamespace;
  all(): readonly KeptNamespace[];
  /**
   * Opens or reopens. Throws KernelRefusal NAMESPACE_MISSING when there is no namespace at `path`, or not the one with
   * that inode.
   */
  open(name: NamespaceName, path: string, inode?: string): void;
  /** Closes what was opened from that path. */
  forget(path: string): void;
  close(): void;
}

export function keptNamespaces(libc: Libc, namespaces: Namespaces): KeptNamespaces {
  const kept = new Map<NamespaceName, KeptNamespace>();

  const keep = (name: NamespaceName, namespace: OpenNamespace): void => {
    const sockets = namespaces.inside(namespace, () => {
      const requests = openNetlinkSocket(libc);
      const nftables = openNetlinkSocket(libc, { protocol: netlinkNetfilter, sendBufferBytes });
      return { requests, nftables, monitor: openMonitor(libc, name, { requests, nftables }) };
    });
    kept.set(name, { name, namespace, ...sockets });
  };

  const drop = ({ name, namespace, requests, nftables, monitor }: KeptNamespace): void => {
    kept.delete(name);
    requests.close();
    nftables.close();
    monitor.close();
    if (namespace !== namespaces.home) namespaces.close(namespace);
  };

  const open = (name: NamespaceName, path: string, inode?: string): void => {
    const namespace = openOrMissing(namespaces, path);
    if (inode !== undefined && namespace.inode !== inode) {
      namespaces.close(namespace);
      throw new KernelRefusal(`${path} is no longer the namespace ${inode}`, {
        code: "NAMESPACE_MISSING",
        namespace: path,
      });
    }
    const previous = kept.get(name);
    if (previous !== undefined) drop(previous);
    keep(name, namespace);
  };

  const get = (name: NamespaceName): KeptNamespace => {
    const found = kept.get(name);
    if (found === undefined)
      throw new KernelRefusal(`the namespace "${name}" is not open`, {
        code: "NAMESPACE_MISSING",
        namespace: name,
      });
    return found;
  };

  keep("node", namespaces.home);
  const all = (): readonly KeptNamespace[] => [...kept.values()];
  return {
    get,
    all,
    open,
    forget: (path) =>
      all()
        .filter((entry) => entry.namespace.path === path)
        .forEach(drop),
    close: () => all().forEach(drop),
  };
}

function openOrMissing(namespaces: Namespaces, path: string): OpenNamespace {
  try {
    return namespaces.open(path);
  } catch (cause) {
    if (!(cause instanceof NamespaceError)) throw cause;
    throw new KernelRefusal(cause.message, { code: "NAMESPACE_MISSING", namespace: path }, { cause });
  }
}
