import { intoTailnet } from "../../headcni/wire.ts";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { type CommandLine, run } from "../../run-command.ts";
import { pauseService, resumeService } from "../../services.ts";
import { waitUntil } from "../../wait-until.ts";
import type { GuardRules } from "../attack.ts";

/** What nft lists as JSON, as far as rules are looked for (libnftables-json(5)). */
export interface NftListing {
  readonly nftables: readonly {
    readonly rule?: {
      readonly table: string;
      readonly chain: string;
      readonly handle: number;
      readonly comment?: string;
    };
  }[];
}

/** Rules of ours whose name begins with one of `names`: their comments are `headcni:NAME:DIGEST`. */
export function rulesNamed(
  listing: NftListing,
  names: readonly string[],
): readonly { readonly chain: string; readonly handle: number; readonly name: string }[] {
  return listing.nftables.flatMap(({ rule }) => {
    const name = rule?.comment?.split(":")[1];
    if (rule === undefined || name === undefined || !names.some((start) => name.startsWith(start))) return [];
    return [{ chain: rule.chain, handle: rule.handle, name }];
  });
}

/**
 * Deletes rules of the guard on a node while `work` runs. The daemon and headcni-wire stand still meanwhile, so that nobody restores them;
 * afterwards they do. Throws LabError BAD_OPTION when there is no rule of such a name.
 */
export async function withoutRules<T>(
  lab: Lab,
  node: LabNode,
  { where, table = "headcni", names }: GuardRules,
  work: () => Promise<T>,
): Promise<T> {
  const enter =
    where === "tailnet" ? await intoTailnet(node) : (command: CommandLine) => inNetns(node.netns, command);
  const rules = async () => {
    const listing = await run(enter(["nft", "-j", "-a", "list", "table", "inet", table]));
    return rulesNamed(JSON.parse(listing) as NftListing, names);
  };
  const found = await rules();
  if (found.length === 0)
    throw new LabError("BAD_OPTION", `${table} has no rule whose name begins with ${names.join(" or ")}`);
  const services = (["daemon", "wire"] as const).map((name) => ({ name, node: node.name }));
  for (const service of services) await pauseService(lab, service);
  try {
    const deletions = found.map(({ chain, handle }) => `delete rule inet ${table} ${chain} handle ${handle}`);
    await run(enter(["nft", "-f", "-"]), { input: `${deletions.join("\n")}\n` });
    const result = await work();
    // A container that stands still is replaced at last: what was seen then proves nothing.
    if ((await rules()).length > 0)
      throw new LabError("NOT_READY", `somebody restored ${names.join(" or ")} before the work was done`);
    return result;
  } finally {
    for (const service of services.toReversed()) await resumeService(lab, service);
    await waitUntil(async () => (await rules().catch(() => [])).length === found.length, {
      what: `the guard restores ${found.map(({ name }) => name).join(", ")}`,
      timeoutMs: 30_000,
    });
  }
}
