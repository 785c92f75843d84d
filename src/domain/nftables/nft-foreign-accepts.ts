import { hostPrefix } from "../addresses/prefix.ts";
import {
  type FamilySettings,
  familySettings,
  linkFamilies,
  type NamespaceGuard,
} from "../guard/guard-settings.ts";
import { tailnetLink } from "../kernel/kernel-constants.ts";
import {
  accept,
  addressIn,
  belongsToKnownFlow,
  fieldIs,
  metaIs,
  type NftStatement,
  wasTranslated,
} from "./nft-statements.ts";

/** An accept that goes into another program's chain. All conditions present must hold. */
export interface ForeignAccept {
  readonly name: string;
  readonly family: 4 | 6;
  readonly input?: string;
  readonly output?: string;
  readonly source?: string;
  readonly destination?: string;
  /** Only packets of known flows, or only of flows whose destination was translated. */
  readonly flow?: "known" | "translated";
  readonly echoRequest?: true;
}

/**
 * FORWARD. The side of the tailnet namespace is filtered inside of it, sources in the own pod CIDR are held to pods by our
 * table, so these two are let through whole, as is tailscaled's underlay, of whatever family pods are. Towards pods and the tailnet
 * namespace only answers and translated flows (Services, host ports, tailscaled's port) pass: a host that drops what its LAN wants to route
 * through it goes on doing so.
 */
export function forwardAccepts(settings: NamespaceGuard): readonly ForeignAccept[] {
  return linkFamilies(settings).flatMap((family) => {
    const { ownPrefixes } = ownAddresses(settings, family);
    return [
      { name: "from-tailnet", family, input: tailnetLink.node },
      ...ownPrefixes.map((source) => ({ name: "from-pods", family, source })),
      ...(["known", "translated"] as const).flatMap((flow) => [
        ...ownPrefixes.map((destination) => ({ name: `to-pods-${flow}`, family, destination, flow })),
        { name: `to-tailnet-${flow}`, family, output: tailnetLink.node, flow },
      ]),
    ];
  });
}

/**
 * INPUT. Answers to what the node itself asked of pods, and the echo of the route proof. Which of the node's own
 * services pods may reach stays the operator's choice, as it is for any other client.
 */
export function inputAccepts(settings: NamespaceGuard): readonly ForeignAccept[] {
  return linkFamilies(settings).flatMap((family) => {
    const { ownPrefixes, routers } = ownAddresses(settings, family);
    return [
      { name: "answers-from-tailnet", family, input: tailnetLink.node, flow: "known" as const },
      ...ownPrefixes.map((source) => ({
        name: "answers-from-pods",
        family,
        source,
        flow: "known" as const,
      })),
      ...routers.map((destination) => ({
        name: "router-echo",
        family,
        input: tailnetLink.node,
        destination: hostPrefix(destination),
        echoRequest: true as const,
      })),
    ];
  });
}

/** None where pods have no address of the family. */
function ownAddresses(
  settings: NamespaceGuard,
  family: 4 | 6,
): Pick<FamilySettings, "ownPrefixes" | "routers"> {
  const found = familySettings(settings).find((one) => one.family === family);
  return found ?? { ownPrefixes: [], routers: [] };
}

/**
 * As nftables statements. With `plain` only what every version of iptables-nft can read back from a chain it manages:
 * it gives up its whole table at the first native `ct` (seen with 1.8.9), so there the flow condition is left out.
 */
export function acceptStatements(rule: ForeignAccept, plain: boolean): readonly NftStatement[] {
  const { family, input, output, source, destination, flow, echoRequest } = rule;
  const statements: NftStatement[] = [];
  if (input !== undefined) statements.push(metaIs("iifname", input));
  if (output !== undefined) statements.push(metaIs("oifname", output));
  if (source !== undefined) statements.push(addressIn(family, "saddr", [source]));
  if (destination !== undefined) statements.push(addressIn(family, "daddr", [destination]));
  if (flow !== undefined && !plain) statements.push(flow === "known" ? belongsToKnownFlow : wasTranslated);
  if (echoRequest && !plain)
    statements.push(fieldIs(family === 4 ? "icmp" : "icmpv6", "type", "echo-request"));
  return [...statements, accept];
}

/** As the arguments of `iptables -I CHAIN`; nothing in them needs quoting. */
export function acceptArguments(rule: ForeignAccept): string {
  const { family, input, output, source, destination, flow, echoRequest } = rule;
  const parts: string[] = [];
  if (source !== undefined) parts.push("-s", source);
  if (destination !== undefined) parts.push("-d", destination);
  if (input !== undefined) parts.push("-i", input);
  if (output !== undefined) parts.push("-o", output);
  if (echoRequest)
    parts.push(
      ...(family === 4 ? ["-p", "icmp", "--icmp-type", "8"] : ["-p", "icmpv6", "--icmpv6-type", "128"]),
    );
  if (flow !== undefined)
    parts.push("-m", "conntrack", "--ctstate", flow === "known" ? "RELATED,ESTABLISHED" : "DNAT");
  return [...parts, "-j", "ACCEPT"].join(" ");
}
