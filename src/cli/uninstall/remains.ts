import {
  attachmentLinkGroup,
  leavingLinkGroup,
  routeProtocol,
  tailnetLink,
  tailnetTable,
} from "../../domain/kernel/kernel-constants.ts";
import type { KernelSnapshot } from "../../domain/kernel/kernel-state.ts";
import { nftTableName } from "../../domain/nftables/nft-node-table.ts";

/** Something of HeadCNI that is still on the node. */
export interface Remain {
  readonly what: "link" | "route" | "rule" | "firewall" | "file" | "mount" | "process";
  readonly name: string;
}

/** What HeadCNI marks as its own in the kernel, by group, protocol, table and name. */
export function kernelRemains({ links, routes, rules }: KernelSnapshot): readonly Remain[] {
  const groups: readonly number[] = [attachmentLinkGroup, leavingLinkGroup];
  return [
    ...links
      .filter(({ group, name }) => groups.includes(group) || name === tailnetLink.node)
      .map(({ name, alias }): Remain => ({ what: "link", name: alias === "" ? name : `${name} (${alias})` })),
    ...routes
      .filter(({ protocol, table }) => protocol === routeProtocol || table === tailnetTable)
      .map(
        ({ type, destination, table }): Remain => ({
          what: "route",
          name: `${type} ${destination} in table ${table}`,
        }),
      ),
    ...rules
      .filter(({ protocol, table }) => protocol === routeProtocol || table === tailnetTable)
      .map(({ priority, table }): Remain => ({ what: "rule", name: `${priority}, to table ${table}` })),
  ];
}

/** What of a ruleset is ours: our tables as a whole, and the accepts in others' chains, which are tagged with our name. */
export function firewallRemains(ruleset: string): readonly Remain[] {
  let inOurs = false;
  return ruleset.split("\n").flatMap((line): readonly Remain[] => {
    const [, table] = /^table \w+ (\S+)/.exec(line) ?? [];
    if (table !== undefined) inOurs = table === nftTableName;
    const counts = table === undefined ? !inOurs && line.includes(`"${nftTableName}:`) : inOurs;
    return counts ? [{ what: "firewall", name: line.replace(/\{$/, "").trim() }] : [];
  });
}
