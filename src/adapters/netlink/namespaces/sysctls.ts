import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Sysctls of the namespace in which the calling thread stands: /proc/sys/net shows the reader's own. */
export interface Sysctls {
  has(name: string): boolean;
  /** Trimmed value. Throws Node's error with its `code` (ENOENT: the kernel has no such name). */
  read(name: string): string;
  write(name: string, value: string): void;
}

/** `root` is "/proc/sys", or where a container that has that read-only got it mounted. */
export function sysctlsAt(root: string): Sysctls {
  return {
    has: (name) => existsSync(join(root, name)),
    read: (name) => readFileSync(join(root, name), "utf8").trim(),
    write: (name, value) => writeFileSync(join(root, name), value),
  };
}
