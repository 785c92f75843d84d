import type { Libc } from "../../../src/adapters/netlink/libc.ts";

const packetFamily = 17;
const rawSocket = 3;
/** ETH_P_ALL in network byte order, as sockaddr_ll and socket(2) want it. */
const everyProtocol = 0x0300;

/** A descriptor that sends and receives whole frames on the link of that index (packet(7)). */
export function openPacketSocket(libc: Libc, index: number): number {
  const fd = libc.socket(packetFamily, rawSocket, everyProtocol);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(packetFamily, 0);
  address.writeUInt16LE(everyProtocol, 2);
  address.writeInt32LE(index, 4);
  if (fd < 0 || libc.bind(fd, address, address.length) < 0)
    throw new Error(`a packet socket on link ${index} fails with errno ${libc.errno()}`);
  return fd;
}

/** Throws unless the whole frame went out. */
export function sendFrame(libc: Libc, fd: number, frame: Buffer): void {
  if (libc.send(fd, frame, frame.length, 0) !== frame.length)
    throw new Error(`a frame fails with errno ${libc.errno()}`);
}
