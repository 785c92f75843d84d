import { errnoName } from "../errno.ts";
import { kernelRefused } from "../kernel-errors.ts";
import type { Libc } from "../libc.ts";

const eventfdNonblockCloexec = 0o4000 | 0o2000000;

/** A non-blocking eventfd, to wake a thread that sleeps in poll(). Calls `undo` before it throws KernelRefusal. */
export function openWakeDescriptor(libc: Libc, undo: () => void = () => undefined): number {
  const fd = libc.eventfd(0, eventfdNonblockCloexec);
  if (fd >= 0) return fd;
  const refusal = kernelRefused("eventfd", { errno: errnoName(libc.errno()), text: "" });
  undo();
  throw refusal;
}
