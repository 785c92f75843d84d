import { parseAddress } from "../../domain/prefix.ts";

/** What X gets as its resolv.conf. */
export interface TailnetResolver {
  readonly text: string;
  /** False when every nameserver of the host listens on loopback only, where X does not reach it. */
  readonly usable: boolean;
}

/** The host's resolver configuration without nameservers that are on loopback: X has its own loopback. */
export function tailnetResolver(hostText: string): TailnetResolver {
  const lines = hostText.split("\n").map((line) => line.trim());
  const servers = lines.filter((line) => /^nameserver\s/.test(line));
  const reachable = servers.filter((line) => !isLoopback(line.split(/\s+/)[1] ?? ""));
  const others = lines.filter((line) => /^(search|domain|options)\s/.test(line));
  return {
    text: `${["# Written by headcni for its tailscaled", ...reachable, ...others].join("\n")}\n`,
    usable: reachable.length > 0,
  };
}

function isLoopback(address: string): boolean {
  const [plain = ""] = address.split("%");
  try {
    const { family, value } = parseAddress(plain);
    return family === 4 ? value >> 24n === 127n : value === 1n;
  } catch {
    return true;
  }
}
