import type { Libc } from "../netlink/libc.ts";

const unix = 1;
/** SOCK_STREAM with SOCK_CLOEXEC and SOCK_NONBLOCK: a listener whose queue is full refuses at once. */
const stream = 1 | 0o2000000 | 0o4000;
const socketLevel = 1;
const peerCredentials = 17;

/** The process that listens on a unix socket, as this pid namespace knows it; undefined where nobody does, or none that it knows. */
export function peerProcess(
  libc: Pick<Libc, "socket" | "connect" | "getsockopt" | "close">,
  path: string,
): number | undefined {
  const fd = libc.socket(unix, stream, 0);
  if (fd < 0) return undefined;
  try {
    // sockaddr_un (unix(7)): the family, the path and its end.
    const address = Buffer.concat([Buffer.from([unix, 0]), Buffer.from(path), Buffer.alloc(1)]);
    if (libc.connect(fd, address, address.length) !== 0) return undefined;
    // struct ucred: pid, uid, gid.
    const credentials = Buffer.alloc(12);
    const length = new Uint32Array([credentials.length]);
    if (libc.getsockopt(fd, socketLevel, peerCredentials, credentials, length) !== 0) return undefined;
    const pid = credentials.readInt32LE(0);
    return pid === 0 ? undefined : pid;
  } finally {
    libc.close(fd);
  }
}
