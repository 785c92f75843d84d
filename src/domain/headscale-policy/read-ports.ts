import type { PortRange } from "./policy.ts";

/** Numbers that Headscale knows by name (hscontrol/policy/v2/types.go, ProtocolNumberToName), of those that pods use. */
const names: Readonly<Record<string, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "ipv6-icmp",
  132: "sctp",
};

/** What stands for a protocol in an acl or a grant; "" and "*" are those that are meant without one. */
export function readProtocol(text: string): string {
  const lower = text.toLowerCase();
  return lower === "" ? "*" : (names[lower] ?? lower);
}

/** "*", "443", "80,443", "8000-8100"; undefined for anything else. */
function readPorts(protocol: string, text: string): readonly PortRange[] | undefined {
  if (text === "*") return [{ protocol, first: 0, last: 65_535 }];
  const ranges = text.split(",").map((part) => {
    const [, from = "", to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    return from === "" ? undefined : { protocol, first: Number(from), last: Number(to) };
  });
  const right = ranges.filter((range) => range !== undefined);
  const valid = right.every(({ first, last }) => first <= last && last <= 65_535);
  return right.length === ranges.length && valid ? right : undefined;
}

/** One entry of a grant's `ip`: "*", "443", "tcp:443", "udp:*". */
export function readGrantPorts(text: string): readonly PortRange[] | undefined {
  const colon = text.indexOf(":");
  if (colon < 0) return readPorts("*", text);
  return readPorts(readProtocol(text.slice(0, colon)), text.slice(colon + 1));
}

/** The `host:ports` of an acl (utils.go, splitDestinationAndPort): an IPv6 address may stand in brackets. */
export function readAclTarget(
  text: string,
  protocol: string,
): { readonly text: string; readonly ports: readonly PortRange[] } | undefined {
  const bare = text.replace(/^\[([0-9A-Fa-f:.]+)\](?=[:/])/, "$1");
  const colon = bare.lastIndexOf(":");
  const ports = colon <= 0 ? undefined : readPorts(readProtocol(protocol), bare.slice(colon + 1));
  return ports && { text: bare.slice(0, colon), ports };
}
