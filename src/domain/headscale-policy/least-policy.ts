import { addressAt, parsePrefix, prefixSize } from "../addresses/prefix.ts";
import { magicDnsAddress, tailnetRange } from "../kernel/kernel-constants.ts";
import { addressAlias, memberNames, memberTags, type PolicyNeeds } from "./policy-needs.ts";

/** The attribute by which tailscaled keeps the network map on disk: it then starts while Headscale is away. */
export const cachedMaps = "cache-network-maps";

/** A policy as it is written; its parts are in the order of the file. */
export interface LeastPolicy {
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
  readonly autoApprovers?: { readonly routes: Readonly<Record<string, readonly string[]>> };
  readonly grants: readonly Grant[];
  readonly nodeAttrs: readonly { readonly target: readonly string[]; readonly attr: readonly string[] }[];
  readonly tests: readonly PolicyTest[];
}

interface Grant {
  readonly src: readonly string[];
  readonly dst: readonly string[];
  readonly ip: readonly string[];
}

/** Headscale takes no policy that fails one (hscontrol/policy/v2/test.go). */
export interface PolicyTest {
  readonly src: string;
  readonly proto?: "tcp" | "udp";
  readonly accept?: readonly string[];
  readonly deny?: readonly string[];
}

/** The policy that gives the cluster what it needs, and nobody anything else. */
export function leastPolicy(needs: PolicyNeeds): LeastPolicy {
  const { supernets, nodePorts, kubeletPorts, elsewhere, approves } = needs;
  const names = memberNames(needs);
  const routes = Object.fromEntries(supernets.map((supernet) => [supernet, names]));
  return {
    tagOwners: Object.fromEntries(memberTags(needs).map((tag) => [tag, []])),
    ...(approves ? { autoApprovers: { routes } } : {}),
    grants: [
      // One for each family: no packet goes from one to the other.
      ...supernets.map((supernet) => ({ src: [supernet], dst: [supernet], ip: ["*"] })),
      ...(nodePorts.length === 0 ? [] : [{ src: names, dst: names, ip: tcp(nodePorts) }]),
      ...elsewhere.flatMap((place) => [
        { src: names, dst: [addressAlias(place)], ip: tcp([place.port]) },
        { src: [addressAlias(place)], dst: names, ip: tcp(kubeletPorts) },
      ]),
    ],
    nodeAttrs: [{ target: names, attr: [cachedMaps] }],
    tests: supernets.flatMap(testsOf),
  };
}

/** As a grant has them. */
export function tcp(ports: readonly number[]): readonly string[] {
  return ports.map((port) => `tcp:${port}`);
}

/**
 * Of addresses alone: a test that names a tag or a user fails while nobody has it. Pods reach pods from one end of the supernet to the
 * other, and neither do pods reach members of the tailnet nor these them; tailscaled's resolver stands for an address of a member.
 */
function testsOf(supernet: string): readonly PolicyTest[] {
  const prefix = parsePrefix(supernet);
  const size = prefixSize(prefix);
  // Where there is room, no address that a reader takes for the network's own.
  const edge = size > 2n ? 1n : 0n;
  const low = addressAt(prefix, edge);
  const high = addressAt(prefix, size - 1n - edge);
  const at = (address: string, port: number) => `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return [
    { src: low, proto: "tcp", accept: [at(high, 443)] },
    { src: high, proto: "udp", accept: [at(low, 53)] },
    { src: low, deny: [at(magicDnsAddress[prefix.family], 443)] },
    { src: tailnetRange[prefix.family], deny: [at(low, 443), at(high, 443)] },
  ];
}
