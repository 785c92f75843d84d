import { createSocket } from "node:dgram";
import { once } from "node:events";
import { containsPrefix, hostPrefix, parsePrefix, readPrefix } from "../../domain/addresses/prefix.ts";

/** Addresses of nobody (RFC 5737, RFC 3849), which every default route leads to. */
const nobody = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;

/**
 * Endpoints that peers may try on the underlay. One inside the pods' supernets is none, for the way there leads through this node's own
 * tailscaled: it is what `status.hostIP` says once the Node has its tailnet address. The node's address towards its default route takes its place.
 */
export async function underlayEndpoints(
  endpoints: readonly string[],
  supernets: readonly string[],
  sourceTowards: (address: string) => Promise<string | undefined> = boundTowards,
): Promise<readonly string[]> {
  const nets = supernets.map(parsePrefix);
  const found = endpoints.map(async (endpoint) => {
    const colon = endpoint.lastIndexOf(":");
    const host = readPrefix(hostPrefix(endpoint.slice(0, colon).replace(/^\[|\]$/g, "")));
    if (host === undefined || !nets.some((net) => containsPrefix(net, host))) return [endpoint];
    const own = await sourceTowards(nobody[host.family]);
    if (own === undefined) return [];
    return [`${own.includes(":") ? `[${own}]` : own}${endpoint.slice(colon)}`];
  });
  return [...new Set((await Promise.all(found)).flat())];
}

/** The address that this node's packets to another have; undefined where no route leads there. Nothing is sent. */
async function boundTowards(address: string): Promise<string | undefined> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  try {
    // Any port: it is only looked up.
    socket.connect(9, address);
    await once(socket, "connect");
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}
