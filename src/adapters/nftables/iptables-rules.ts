import type { ForeignRule } from "../../domain/nftables/nft-observation.ts";

/** The rules of `iptables -S CHAIN` (iptables(8)); the policy line is left to nft's listing. */
export function readIptablesRules(text: string): readonly ForeignRule[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("-A "))
    .map((line) => ({
      comment: /(?:^| )--comment "?([^" ]*)"?(?: |$)/.exec(line)?.[1] ?? "",
      dropsAll: /^-A \S+ -j (?:DROP|REJECT)(?: --reject-with \S+)?$/.test(line),
      reference: line,
    }));
}

/** Input for `iptables-restore --noflush`: one transaction on the filter table. */
export function restoreInput(lines: readonly string[]): string {
  return ["*filter", ...lines, "COMMIT", ""].join("\n");
}
