import { closeSync, constants, fstatSync, mkdirSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { HeadcniError } from "../../../domain/failure.ts";
import { errnoName } from "../errno.ts";
import type { Libc } from "../libc.ts";

export class NamespaceError extends HeadcniError<
  | { readonly code: "MISSING" | "INVALID"; readonly path: string }
  | { readonly code: "SYSCALL_FAILED"; readonly call: string; readonly errno: string; readonly path: string }
> {}

/** An open network namespace; holding `fd` keeps the namespace alive. */
export interface OpenNamespace {
  readonly path: string;
  readonly fd: number;
  readonly inode: string;
}

/** Network namespaces as one thread sees them: the thread that made this must be the one that uses it. */
export interface Namespaces {
  /** The namespace in which the thread stands. */
  readonly home: OpenNamespace;
  /** Throws NamespaceError MISSING, or INVALID when the path is no network namespace. */
  open(path: string): OpenNamespace;
  close(namespace: OpenNamespace): void;
  /**
   * Runs `work` with the thread inside the namespace. `work` must be synchronous to its end: whatever is put off would
   * run back home, and threads started meanwhile would stay inside for ever.
   */
  inside<T>(namespace: OpenNamespace, work: () => T): T;
  /** A new namespace bind-mounted at `path`; nothing when one is mounted there. */
  create(path: string): void;
  /** Unmounts and unlinks; absent is fine. */
  remove(path: string): void;
  /** A new namespace that nothing holds but its descriptor. */
  make(): OpenNamespace;
  /** Puts the thread into the namespace for good; what it starts from then on lives there. */
  moveInto(namespace: OpenNamespace): void;
}

const cloneNewNet = 0x40000000;
/** NS_GET_NSTYPE of linux/nsfs.h: answers the CLONE_* of a namespace file, ENOTTY on any other file. */
const getNamespaceType = 0xb703;
const bindMount = 4096;
const detachMount = 2;
const ownNamespace = "/proc/thread-self/ns/net";

export function threadNamespaces(libc: Libc): Namespaces {
  const open = (path: string): OpenNamespace => openNamespace(libc, path);
  const home = open(ownNamespace);

  const goHome = (): void => {
    // A thread lost in a pod's namespace would do the node's work there: better none at all.
    if (libc.setns(home.fd, cloneNewNet) < 0) libc.abort();
  };

  const inside = <T>(namespace: OpenNamespace, work: () => T): T => {
    if (namespace.inode === home.inode) return work();
    if (libc.setns(namespace.fd, cloneNewNet) < 0) throw failed(libc, "setns", namespace.path);
    try {
      return work();
    } finally {
      goHome();
    }
  };

  const create = (path: string): void => {
    if (isNamespace(libc, path)) return;
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, constants.O_RDONLY | constants.O_CREAT, 0o444));
    if (libc.unshare(cloneNewNet) < 0) throw failed(libc, "unshare", path);
    const mounted = libc.mount(ownNamespace, path, bindMount);
    const error = mounted < 0 ? failed(libc, "mount", path) : undefined;
    goHome();
    if (error !== undefined) throw error;
  };

  const make = (): OpenNamespace => {
    if (libc.unshare(cloneNewNet) < 0) throw failed(libc, "unshare", ownNamespace);
    try {
      return open(ownNamespace);
    } finally {
      goHome();
    }
  };

  const moveInto = (namespace: OpenNamespace): void => {
    if (libc.setns(namespace.fd, cloneNewNet) < 0) throw failed(libc, "setns", namespace.path);
  };

  return {
    home,
    make,
    moveInto,
    open,
    close: (namespace) => closeSync(namespace.fd),
    inside,
    create,
    remove: (path) => unmountNamespace(libc, path),
  };
}

/** Unmounts and unlinks; absent is fine. */
export function unmountNamespace(libc: Libc, path: string): void {
  // Each umount takes the topmost mount; EINVAL says that none is left.
  while (libc.umount2(path, detachMount) === 0);
  rmSync(path, { force: true });
}

function openNamespace(libc: Libc, path: string): OpenNamespace {
  const fd = openFile(path);
  if (libc.ioctl(fd, getNamespaceType) === cloneNewNet)
    return { path, fd, inode: fstatSync(fd, { bigint: true }).ino.toString() };
  closeSync(fd);
  throw new NamespaceError(`"${path}" is not a network namespace`, { code: "INVALID", path });
}

function openFile(path: string): number {
  try {
    // O_NONBLOCK: opening a named pipe must not wait for its other end.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const code = errno === "ENOENT" || errno === "ENOTDIR" ? "MISSING" : "INVALID";
    throw new NamespaceError(`"${path}" cannot be opened (${String(errno)})`, { code, path }, { cause });
  }
}

function isNamespace(libc: Libc, path: string): boolean {
  try {
    closeSync(openNamespace(libc, path).fd);
    return true;
  } catch {
    return false;
  }
}

function failed(libc: Libc, call: string, path: string): NamespaceError {
  const errno = errnoName(libc.errno());
  return new NamespaceError(`${call} for "${path}" failed: ${errno}`, {
    code: "SYSCALL_FAILED",
    call,
    errno,
    path,
  });
}
