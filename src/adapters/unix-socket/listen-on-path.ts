import { chmodSync, renameSync, rmSync, statSync } from "node:fs";
import { connect, type Server } from "node:net";
import { errnoOf, UnixSocketError } from "./cni-exchanges-error.ts";

/**
 * Makes a server listen on a path with mode 0600. The socket is bound under a name of its own and then renamed: nobody
 * ever meets it with other permissions, and a stale one is replaced without a gap. Throws UnixSocketError SOCKET_IN_USE
 * when somebody answers on the path, SOCKET_FAILED otherwise. Returns what removes the path, if it still is this socket.
 */
export async function listenOnPath(server: Server, path: string): Promise<() => void> {
  if (await answers(path))
    throw new UnixSocketError(`another process answers on ${path}`, { code: "SOCKET_IN_USE", path });
  const ownPath = `${path}.${process.pid}`;
  rmSync(ownPath, { force: true });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(ownPath, () => {
        server.off("error", reject);
        resolve();
      });
    });
    chmodSync(ownPath, 0o600);
    renameSync(ownPath, path);
  } catch (cause) {
    server.close();
    rmSync(ownPath, { force: true });
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new UnixSocketError(
      `cannot listen on ${path}: ${text}`,
      { code: "SOCKET_FAILED", path, text },
      { cause },
    );
  }
  const inode = statSync(path).ino;
  return () => {
    if (statSync(path, { throwIfNoEntry: false })?.ino === inode) rmSync(path, { force: true });
  };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error) => {
      const errno = errnoOf(error);
      // ENOTSOCK: a plain file stands there; it is ours to replace, the directory is ours alone.
      if (["ENOENT", "ECONNREFUSED", "ENOTSOCK"].includes(errno)) resolve(false);
      else
        reject(
          new UnixSocketError(
            `cannot ask who listens on ${path}: ${errno}`,
            { code: "SOCKET_FAILED", path, text: errno },
            { cause: error },
          ),
        );
    });
  });
}
