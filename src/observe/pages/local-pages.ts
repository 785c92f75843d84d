import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** What may be read on the node alone: states, logs, profiles. Health, readiness and metrics are for whoever reaches the port. */
const localPath = /^\/(?:debug|inspect)(?:\/|$)/;
const loopback = /^(127\.|::1$|::ffff:127\.)/;

/**
 * Why a request for a page is refused, as a sentence; undefined where it is not. Pages below /debug and /inspect answer on loopback and
 * on unix sockets, to no other name than this machine's own (DNS rebinding) and to no page of another origin.
 */
export function refusalOf({ socket, headers }: IncomingMessage, pathname: string): string | undefined {
  if (!localPath.test(pathname)) return undefined;
  // A unix socket has no addresses.
  if (socket.remoteAddress !== undefined && !loopback.test(socket.remoteAddress))
    return "this page is for the node alone: it answers on loopback and on its unix socket only";
  const { host, origin, "sec-fetch-site": site } = headers;
  if (host !== undefined && !isOwnName(host))
    return "ask for this page by the name localhost or by an IP address";
  // Sec-Fetch-Site stands also where Origin does not: at an image, a script, a link (Fetch Metadata Request Headers, 2.1).
  if ((origin !== undefined && origin !== `http://${host}`) || site === "cross-site")
    return "this page is for no web page of another origin: open it by its address";
  return undefined;
}

/**
 * Whether Host is a name that only this machine has. Any other is a web site that had its name point here, to read the page with the
 * visitor's browser.
 */
function isOwnName(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name.endsWith(".localhost") || isIP(name) !== 0;
}
