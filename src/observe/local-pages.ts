import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

const loopback = /^(127\.|::1$|::ffff:127\.)/;

/** Whether the request came over loopback or a unix socket. */
export function isLocal({ socket }: IncomingMessage): boolean {
  // A unix socket has no addresses.
  return socket.remoteAddress === undefined || loopback.test(socket.remoteAddress);
}

/**
 * Whether the page was asked for by a name that only this machine has. Any other name in Host is a web site that had its
 * name point here (DNS rebinding), to read the page with the visitor's browser.
 */
export function isLocalName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name.endsWith(".localhost") || isIP(name) !== 0;
}
