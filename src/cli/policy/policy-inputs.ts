import { existsSync } from "node:fs";
import { type ExaminedConfig, examineConfig } from "../../config/load-config.ts";
import type { Member } from "../../domain/headscale-policy/aliases.ts";
import {
  type PolicyNeeds,
  type PolicySettings,
  policyNeeds,
} from "../../domain/headscale-policy/policy-needs.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliWord } from "../command.ts";
import { textOf } from "../options/option-values.ts";
import { type AskedHeadscale, askHeadscale, headscaleAccess, membersOf, namedBy } from "./ask-headscale.ts";
import { askNodes, nodeSource } from "./ask-nodes.ts";
import { explainGiven, keyFlags, keyWords } from "./key-options.ts";

/** Of `policy` and of `policy check`. */
export const inputOptions: readonly CliWord[] = [
  ...keyWords,
  { flags: "--users <users>", summary: "users whose machines, without a tag, are nodes (alice@,bob@)" },
  { flags: "--without-nodes", summary: "ask no API server: what the configuration says is all" },
  { flags: "--headscale-url <url>", summary: "instead of headscale.url of the configuration" },
  {
    flags: "--api-key-file <file>",
    summary: "a Headscale API key: asks Headscale who the nodes are there, and for its policy",
  },
];

/** What a cluster needs, and the Headscale that was asked, if one was. */
export interface PolicyInputs {
  readonly needs: PolicyNeeds;
  readonly headscale: AskedHeadscale | undefined;
  /** Nodes that went into it; undefined when nobody was asked. */
  readonly nodeCount: number | undefined;
}

/** Reads configuration, Nodes and, with an API key, Headscale. Throws CliError. */
export async function readInputs(call: CliCall): Promise<PolicyInputs> {
  const { context, options } = call;
  // Before an install there is no file, and the command line has what counts.
  const { configFile } = context.target;
  const isGiven = textOf(options["config"]) !== undefined || existsSync(configFile);
  const examined = examineConfig(
    {
      ...(isGiven && { file: configFile }),
      environment: context.environment,
      flags: keyFlags(options),
    },
    { credentials: "unread" },
  );
  const settings = settingsOf(examined);
  const access = headscaleAccess(call, examined);
  const headscale = access === undefined ? undefined : await askHeadscale(access, context);
  const source = nodeSource(call, examined);
  const cluster = source === undefined ? undefined : await askNodes(source, context);
  return {
    needs: policyNeeds(
      settings,
      givenMembers(options, settings) ?? membersOf(cluster?.nodes, headscale, settings),
      cluster && { ...cluster, apiServer: namedBy(headscale, cluster.apiServer) },
    ),
    headscale,
    nodeCount: cluster?.nodes.length,
  };
}

/** Of a configuration that may be wrong, or absent, elsewhere. */
function settingsOf({ get, problems }: ExaminedConfig): PolicySettings {
  const used = ["network.podCIDR", "tailscale.mode", "tailscale.tags", "headscale.approval"];
  const wrong = problems.filter(({ path }) => path === "" || used.some((key) => path.split("[")[0] === key));
  const absent = wrong.some(({ path, source }) => path === "network.podCIDR" && source === "default");
  if (absent)
    throw new CliError(
      "USAGE",
      "the pods' addresses are not known: no configuration names network.podCIDR\n" +
        "give --config FILE, or --pod-cidr 10.244.0.0/16",
    );
  if (wrong.length > 0) throw new CliError("USAGE", wrong.map(explainGiven).join("\n"));
  return {
    supernets: get("network.podCIDR") as readonly string[],
    mode: get("tailscale.mode") === "host" ? "host" : "daemon",
    approves: get("headscale.approval") === undefined || get("headscale.approval") === "policy",
    tags: (get("tailscale.tags") ?? []) as readonly string[],
  };
}

/** Whom the command line names; a machine with the tags has all of them, one of a user has none. */
function givenMembers(options: CliCall["options"], { tags }: PolicySettings): readonly Member[] | undefined {
  const users = (textOf(options["users"]) ?? "").split(",").filter((user) => user !== "");
  const bad = users.find((user) => !user.includes("@") || /[\s"]/.test(user));
  if (bad !== undefined)
    throw new CliError("USAGE", `--users ${bad}: a user is written alice@, or alice@example.com`);
  const tagged = textOf(options["tags"]) === undefined ? [] : [{ names: tags }];
  const members = [...tagged, ...users.map((user) => ({ names: [user] }))];
  return members.length === 0 ? undefined : members;
}
