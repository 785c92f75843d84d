import { readFile } from "node:fs/promises";
import { parseAddress } from "../../domain/addresses/prefix.ts";

/** The nameservers of the node, or of the container, as the tailnet namespace sees them. */
export interface Nameservers {
  /** Those that the tailnet namespace reaches through the node, as any other address. */
  readonly direct: readonly string[];
  /** Those on loopback, which the tailnet namespace has of its own: headcni-resolver forwards them. */
  readonly forwarded: readonly string[];
}

/** Those of a resolv.conf, without what is no address. */
export function nameserversIn(resolvConf: string): Nameservers {
  const servers = resolvConf
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^nameserver\s/.test(line))
    .flatMap((line) => {
      const address = line.split(/\s+/)[1] ?? "";
      const place = placeOf(address);
      return place === undefined ? [] : [{ address, place }];
    });
  const addressesIn = (wanted: "loopback" | "elsewhere") =>
    servers.filter(({ place }) => place === wanted).map(({ address }) => address);
  return { direct: addressesIn("elsewhere"), forwarded: addressesIn("loopback") };
}

/** Those of /etc/resolv.conf, which tailscaled reads, too; none when it cannot be read. */
export async function readNameservers(): Promise<Nameservers> {
  return nameserversIn(await readFile("/etc/resolv.conf", "utf8").catch(() => ""));
}

/** Undefined for what is no address; a scope ("fe80::1%eth0") is part of one. */
function placeOf(address: string): "loopback" | "elsewhere" | undefined {
  const [plain = ""] = address.split("%");
  try {
    const { family, value } = parseAddress(plain);
    const loopback = family === 4 ? value >> 24n === 127n : value === 1n;
    return loopback ? "loopback" : "elsewhere";
  } catch {
    return undefined;
  }
}
