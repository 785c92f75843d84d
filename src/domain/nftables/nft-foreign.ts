import { byCarrier, type GuardSettings } from "../guard/guard-settings.ts";
import { hostForwardAccepts, hostInputAccepts } from "../host-guard/host-accepts.ts";
import {
  acceptArguments,
  acceptStatements,
  type ForeignAccept,
  forwardAccepts,
  inputAccepts,
} from "./nft-foreign-accepts.ts";
import type { FirewallChange, ForeignChain, ForeignRule } from "./nft-observation.ts";
import { digestOf, ruleComment } from "./nft-table.ts";

/**
 * What brings one foreign chain in order: nothing for a chain that does not drop by default and has nothing of ours.
 * An accept in our own table does not beat another table's drop, so ours go into that chain, at its top.
 */
export function repairForeignChain(settings: GuardSettings, chain: ForeignChain): readonly FirewallChange[] {
  const wanted = dropsByDefault(chain) ? wantedRules(settings, chain) : [];
  const effective = rulesBeforeDrop(chain);
  const missing = wanted.filter(({ comment }) => !effective.some((rule) => rule.comment === comment));
  const kept = missing.length === 0 ? wanted.map(({ comment }) => comment) : [];
  // Whole or not at all: a partial set is taken out and put back, so that the order at the top is ours again.
  const stale = chain.rules.filter((rule) => isOurs(rule) && !kept.includes(rule.comment));
  const added = missing.length === 0 ? [] : wanted;
  if (stale.length === 0 && added.length === 0) return [];
  return [change(chain, stale, added)];
}

/** What takes everything of ours out of the chain. */
export function cleanForeignChain(chain: ForeignChain): readonly FirewallChange[] {
  const ours = chain.rules.filter(isOurs);
  return ours.length === 0 ? [] : [change(chain, ours, [])];
}

/** A drop policy, or a rule that drops whatever reaches it. */
export function dropsByDefault(chain: ForeignChain): boolean {
  return chain.policy === "drop" || chain.rules.some((rule) => rule.dropsAll);
}

interface WantedRule {
  readonly comment: string;
  readonly accept: ForeignAccept;
}

function wantedRules(settings: GuardSettings, chain: ForeignChain): readonly WantedRule[] {
  const accepts = byCarrier(
    settings,
    chain.hook === "forward"
      ? { namespace: forwardAccepts, host: hostForwardAccepts }
      : { namespace: inputAccepts, host: hostInputAccepts },
  );
  return accepts
    .filter(({ family }) => chain.family === "inet" || chain.family === (family === 4 ? "ip" : "ip6"))
    .map((accept) => ({ comment: ruleComment(accept.name, digestOf(accept)), accept }));
}

function rulesBeforeDrop(chain: ForeignChain): readonly ForeignRule[] {
  const end = chain.rules.findIndex((rule) => rule.dropsAll);
  return end === -1 ? chain.rules : chain.rules.slice(0, end);
}

function isOurs(rule: ForeignRule): boolean {
  return rule.comment.startsWith("headcni:");
}

/** Insertions run last to first, each at the top, so that they end in their own order. */
function change(
  chain: ForeignChain,
  stale: readonly ForeignRule[],
  added: readonly WantedRule[],
): FirewallChange {
  const insertions = [...added].reverse();
  if (chain.manager !== "nft") {
    const lines = [
      ...stale.map(({ reference }) => String(reference).replace(/^-A /, "-D ")),
      ...insertions.map(
        ({ accept, comment }) =>
          `-I ${chain.chain} 1 -m comment --comment ${comment} ${acceptArguments(accept)}`,
      ),
    ];
    return { tool: chain.manager, lines };
  }
  const place = { family: chain.family, table: chain.table, chain: chain.chain };
  const plain = isXtablesName(chain);
  const commands = [
    ...stale.map(({ reference }) => ({ delete: { rule: { ...place, handle: reference } } })),
    ...insertions.map(({ accept, comment }) => ({
      insert: { rule: { ...place, comment, expr: acceptStatements(accept, plain) } },
    })),
  ];
  return { tool: "nft", document: { nftables: commands } };
}

/** A chain that iptables-nft would take for its own, changed by nft because iptables is not installed here. */
export function isXtablesName(place: Readonly<Record<"family" | "table" | "chain", string>>): boolean {
  const { family, table, chain } = place;
  return ["ip", "ip6"].includes(family) && table === "filter" && ["FORWARD", "INPUT"].includes(chain);
}
