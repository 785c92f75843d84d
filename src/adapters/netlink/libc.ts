import { createRequire } from "node:module";
import type Koffi from "koffi";

/**
 * The few libc calls that Node does not offer, called through koffi on the calling thread. Each returns -1 on failure
 * and leaves the reason in `errno()`, to be read before any other call.
 */
export interface Libc {
  errno(): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint32Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  send(fd: number, data: Uint8Array, length: number, flags: number): number;
  /** Like `send`, on a thread of libuv's pool: for the one request that waits for RCU. Never inside a setns window. */
  sendAsync(fd: number, data: Uint8Array, done: (error: Error | null, sent: number) => void): void;
  recv(fd: number, data: Uint8Array, length: number, flags: number): number;
  poll(descriptors: Uint8Array, count: number, timeoutMs: number): number;
  /** Like `poll`, on a thread of libuv's pool, which it keeps until it returns; process.exit() waits for it. */
  pollAsync(descriptors: Uint8Array, count: number, timeoutMs: number, done: () => void): void;
  /** For descriptors that these calls made; node:fs warns in a worker when it closes what it has not opened. */
  close(fd: number): number;
  eventfd(initial: number, flags: number): number;
  ioctl(fd: number, request: number): number;
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  mount(source: string, target: string, flags: number): number;
  umount2(target: string, flags: number): number;
  /** Ends the process at once, from any thread. */
  abort(): void;
}

/** Takes the symbols from the running program, so that one build serves glibc and musl. */
export function loadLibc(): Libc {
  // Only now: headcnictl also runs where there is no native library, as one file.
  const koffi: typeof Koffi = createRequire(import.meta.url)("koffi");
  const library = koffi.load(null);
  const send = library.func("intptr_t send(int, const void *, size_t, int)");
  const poll = library.func("int poll(void *, unsigned long, int)");
  const ioctl = library.func("int ioctl(int, unsigned long, void *)");
  const mount = library.func(
    "int mount(const char *, const char *, const char *, unsigned long, const void *)",
  );
  return {
    errno: () => koffi.errno(),
    socket: library.func("int socket(int, int, int)"),
    bind: library.func("int bind(int, const void *, uint32_t)"),
    connect: library.func("int connect(int, const void *, uint32_t)"),
    getsockname: library.func("int getsockname(int, void *, uint32_t *)"),
    getsockopt: library.func("int getsockopt(int, int, int, void *, uint32_t *)"),
    setsockopt: library.func("int setsockopt(int, int, int, const void *, uint32_t)"),
    send,
    sendAsync: (fd, data, done) => send.async(fd, data, data.length, 0, done),
    recv: library.func("intptr_t recv(int, void *, size_t, int)"),
    poll,
    pollAsync: (descriptors, count, timeoutMs, done) =>
      poll.async(descriptors, count, timeoutMs, () => done()),
    close: library.func("int close(int)"),
    eventfd: library.func("int eventfd(unsigned int, int)"),
    ioctl: (fd, request) => ioctl(fd, request, null),
    setns: library.func("int setns(int, int)"),
    unshare: library.func("int unshare(int)"),
    mount: (source, target, flags) => mount(source, target, null, flags, null),
    umount2: library.func("int umount2(const char *, int)"),
    abort: library.func("void abort()"),
  };
}

const pollIn = 0x1;
const pollEntryLength = 8;

/** What poll() is given to wait until one of these is readable: an array of struct pollfd. */
export function pollEntries(descriptors: readonly number[]): Buffer {
  const entries = Buffer.alloc(descriptors.length * pollEntryLength);
  descriptors.forEach((fd, index) => {
    entries.writeInt32LE(fd, index * pollEntryLength);
    entries.writeInt16LE(pollIn, index * pollEntryLength + 4);
  });
  return entries;
}

/** Whether poll() found the first of them readable. */
export function firstIsReadable(entries: Buffer): boolean {
  return (entries.readInt16LE(6) & pollIn) !== 0;
}
