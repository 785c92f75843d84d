import { type LeastPolicy, leastPolicy } from "../../domain/headscale-policy/least-policy.ts";
import type { CliCommand } from "../command.ts";
import { documentCommand } from "../output/document-command.ts";
import { policyCheckCommand } from "./policy-check-command.ts";
import { inputOptions, readInputs } from "./policy-inputs.ts";
import { policyText } from "./policy-text.ts";

/** What `policy` answers. */
export interface PolicyDocument {
  readonly policy: LeastPolicy;
  /** Nodes that went into it; null when none was asked for. */
  readonly nodes: number | null;
}

export const policyCommand: CliCommand = {
  ...documentCommand({
    kind: "Policy",
    name: "policy",
    summary: "the least policy that Headscale needs for this cluster; check compares one with it",
    synonyms: ["acl", "acls", "grants"],
    options: inputOptions,
    notes: [
      "Prints HuJSON for headscale policy set. It closes what it does not name, also between other",
      "members of the tailnet: add rules for those, then ask headcnictl policy check.",
      "The Nodes are read as kubectl reads them, or by the daemon's own account.",
      "Before there is a cluster: headcnictl policy --without-nodes --pod-cidr 10.244.0.0/16 --mode host",
    ].join("\n"),
    collect: async (call): Promise<PolicyDocument> => {
      const { needs, nodeCount } = await readInputs(call);
      return { policy: leastPolicy(needs), nodes: nodeCount ?? null };
    },
    render: ({ policy }) => policyText(policy),
  }),
  subcommands: [policyCheckCommand],
};
