import * as z from "zod";
import type { ForeignRule } from "../../domain/nftables/nft-observation.ts";
import type { ObservedTable } from "../../domain/nftables/nft-table.ts";
import { FirewallProgramError } from "./firewall-error.ts";

/** libnftables-json(5). A listing may hold thousands of chains, so only those of interest are parsed further. */
const listingSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const baseChainSchema = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  type: z.string(),
  hook: z.string(),
  prio: z.number(),
  policy: z.enum(["accept", "drop"]).optional(),
});
const tableSchema = z.object({ flags: z.union([z.string(), z.array(z.string())]).default([]) });
const ruleSchema = z.object({
  chain: z.string(),
  handle: z.number(),
  comment: z.string().optional(),
  expr: z.array(z.record(z.string(), z.unknown())).optional(),
});

export type BaseChain = z.infer<typeof baseChainSchema>;

/** The base chains of a listing. Throws FirewallProgramError UNREADABLE. */
export function readBaseChains(listing: string): readonly BaseChain[] {
  return objectsOf(listing, "chain")
    .filter((chain) => typeof chain === "object" && chain !== null && "hook" in chain)
    .map((chain) => parse(baseChainSchema, chain));
}

/** The listing of one of our tables, as the comparison needs it. */
export function readOwnTable(listing: string): ObservedTable {
  const rules = objectsOf(listing, "rule").map((rule) => parse(ruleSchema, rule));
  const chains = readBaseChains(listing).flatMap(({ name, type, hook, prio, policy }) => {
    const place = hookSchema.safeParse({ type, hook, priority: prio, policy: policy ?? "accept" });
    // A hook we never use: somebody else's chain in our table, which makes the table differ all the same.
    if (!place.success) return [];
    const comments = rules.filter((rule) => rule.chain === name).map((rule) => rule.comment ?? "");
    return [{ ...place.data, name, comments }];
  });
  // Which ones is not told: nft 1.0.6 lists `dormant` as "t".
  const hasFlags = objectsOf(listing, "table").some((table) => parse(tableSchema, table).flags.length > 0);
  return { hasFlags, chains };
}

/** The rules of a foreign chain, in order. */
export function readForeignRules(listing: string): readonly ForeignRule[] {
  return objectsOf(listing, "rule").map((found) => {
    const { comment, expr, handle } = parse(ruleSchema, found);
    return { comment: comment ?? "", reference: handle, dropsAll: dropsEverything(expr ?? []) };
  });
}

const hookSchema = z.object({
  type: z.enum(["filter", "nat"]),
  hook: z.enum(["prerouting", "input", "forward", "output", "postrouting"]),
  priority: z.number(),
  policy: z.enum(["accept", "drop"]),
});

/** Statements that neither match nor decide. */
const neutral = new Set(["counter", "log"]);

function dropsEverything(statements: readonly Readonly<Record<string, unknown>>[]): boolean {
  const names = statements
    .flatMap((statement) => Object.keys(statement))
    .filter((name) => !neutral.has(name));
  return names.length === 1 && (names[0] === "drop" || names[0] === "reject");
}

function objectsOf(listing: string, kind: "table" | "chain" | "rule"): readonly unknown[] {
  return parse(listingSchema, parseJson(listing)).nftables.flatMap((entry) =>
    kind in entry ? [entry[kind]] : [],
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable("not JSON", cause);
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw unreadable(result.error.issues.map((issue) => issue.path.join(".")).join(", "), result.error);
}

function unreadable(text: string, cause: unknown): FirewallProgramError {
  const detail = { code: "UNREADABLE", program: "nft", text } as const;
  return new FirewallProgramError(`nft's listing cannot be parsed: ${text}`, detail, { cause });
}
