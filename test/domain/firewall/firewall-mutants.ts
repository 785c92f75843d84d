import type { NftChain, NftTable } from "../../../src/domain/nftables/nft-table.ts";

/** A table that is broken in one place. */
interface Mutant {
  readonly what: string;
  readonly table: NftTable;
}

/** Every table that accepts by one policy instead of dropping, or lacks one rule or one condition of one rule. */
export function mutantsOf(table: NftTable): readonly Mutant[] {
  return table.chains.flatMap((chain) => {
    const changed = (change: Partial<NftChain>): NftTable => ({
      ...table,
      chains: table.chains.map((other) => (other === chain ? { ...chain, ...change } : other)),
    });
    const withRules = (rules: NftChain["rules"]) => changed({ rules });
    const accepting =
      chain.policy === "drop"
        ? [{ what: `${chain.name} accepts by policy`, table: changed({ policy: "accept" }) }]
        : [];
    const broken = chain.rules.flatMap((rule, at) => [
      { what: `${chain.name} without ${rule.name}`, table: withRules(chain.rules.toSpliced(at, 1)) },
      ...rule.statements.flatMap((statement, index) =>
        "match" in statement
          ? [
              {
                what: `${rule.name} without ${JSON.stringify(statement)}`,
                table: withRules(
                  chain.rules.with(at, { ...rule, statements: rule.statements.toSpliced(index, 1) }),
                ),
              },
            ]
          : [],
      ),
    ]);
    return [...accepting, ...broken];
  });
}
