import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { FileError } from "./write-whole.ts";

/**
 * Makes folders that their owner, who is us, alone may enter (mode 0700), also those that somebody made before with wider rights:
 * kubelet makes a hostPath 0755, and tailscaled lets all users talk to its socket. Throws FileError NOT_PRIVATE.
 */
export async function makePrivateFolders(...paths: readonly string[]): Promise<void> {
  for (const path of paths)
    await makePrivate(path).catch((cause: NodeJS.ErrnoException) => {
      throw notPrivate(path, cause.code ?? cause.message, cause);
    });
}

async function makePrivate(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const { uid, mode } = await folder.stat();
  const ours = process.geteuid?.();
  if (uid !== ours) throw new Error(`it belongs to user ${uid}`);
  // One that is right is not written to: it may be on a disk that is full or read-only.
  if ((mode & 0o777) !== 0o700) await folder.chmod(0o700);
}

function notPrivate(path: string, reason: string, cause: unknown): FileError {
  return new FileError(
    `${path} cannot be closed to other users: ${reason}; it must be a folder of HeadCNI's own that belongs to user ${process.geteuid?.()}`,
    { code: "NOT_PRIVATE", path, reason },
    { cause },
  );
}
