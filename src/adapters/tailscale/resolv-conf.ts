import { readFile } from "node:fs/promises";
import { parseAddress } from "../../domain/prefix.ts";

/** What X gets as its resolv.conf. */
export interface TailnetResolver {
  readonly text: string;
  /** The nameservers in it that X reaches through the node, as any other address. */
  readonly direct: readonly string[];
  /** Those on loopback, which X has of its own: headcni-resolver forwards them. */
  readonly forwarded: readonly string[];
}

/** The host's resolver configuration, without what is no address. */
export function tailnetResolver(hostText: string): TailnetResolver {
  const lines = hostText.split("\n").map((line) => line.trim());
  const servers = lines
    .filter((line) => /^nameserver\s/.test(line))
    .flatMap((line) => {
      const address = line.split(/\s+/)[1] ?? "";
      const place = placeOf(address);
      return place === undefined ? [] : [{ address, place }];
    });
  const addressesIn = (wanted: "loopback" | "elsewhere") =>
    servers.filter(({ place }) => place === wanted).map(({ address }) => address);
  const others = lines.filter((line) => /^(search|domain|options)\s/.test(line));
  const named = servers.map(({ address }) => `nameserver ${address}`);
  return {
    text: `${["# Written by headcni for its tailscaled", ...named, ...others].join("\n")}\n`,
    direct: addressesIn("elsewhere"),
    forwarded: addressesIn("loopback"),
  };
}

/**
 * The resolver configuration for an X that gets a file of its own: /etc/resolv.conf, or, where that names loopback alone, the servers
 * that systemd-resolved's stub there asks, which need no forwarding.
 */
export async function hostResolver(): Promise<TailnetResolver> {
  const own = await containerResolver();
  if (own.direct.length > 0) return own;
  const upstream = tailnetResolver(await readOrEmpty("/run/systemd/resolve/resolv.conf"));
  return upstream.direct.length > 0 ? upstream : own;
}

/** The resolver configuration of a tailscaled that reads /etc/resolv.conf as it is. */
export async function containerResolver(): Promise<TailnetResolver> {
  return tailnetResolver(await readOrEmpty("/etc/resolv.conf"));
}

function readOrEmpty(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
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
