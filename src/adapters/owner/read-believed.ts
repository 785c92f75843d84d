import * as z from "zod";
import { allowlistTableName } from "../../domain/nftables/nft-allowlist-table.ts";
import { parseJson } from "../../domain/parse-json.ts";
import type { Believed } from "../../domain/tailnet/believed-prefixes.ts";
import { runProgram } from "../nftables/run-program.ts";

const elementSchema = z.union([
  z.string(),
  z
    .object({ prefix: z.object({ addr: z.string(), len: z.int() }) })
    .transform(({ prefix: { addr, len } }) => `${addr}/${len}`),
  z.object({ range: z.tuple([z.string(), z.string()]) }).transform(({ range }) => range.join("-")),
]);
const listingSchema = z.object({
  nftables: z.array(
    z.object({ set: z.object({ name: z.string(), elem: z.array(elementSchema).default([]) }).optional() }),
  ),
});

/**
 * What the allowlist in the node's namespace believes now. Throws FirewallProgramError, also where there is none, and zod's error where it
 * is none of ours.
 */
export async function readBelieved(): Promise<Believed> {
  return believedIn(
    await runProgram({ program: "nft", args: ["-j", "list", "table", "inet", allowlistTableName] }),
  );
}

/** The sets of a listing of that table (libnftables-json(5)). */
export function believedIn(listing: string): Believed {
  const sets = listingSchema.parse(parseJson(listing)).nftables.flatMap(({ set }) => set ?? []);
  const of = (name: string) =>
    [4, 6].flatMap((family) =>
      sets.filter((set) => set.name === `${name}${family}`).flatMap(({ elem }) => elem),
    );
  return { prefixes: of("believed"), nodes: of("nodes") };
}
