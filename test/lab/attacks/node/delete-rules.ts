import { hostRulePriority, tailnetTable } from "../../../../src/domain/kernel/kernel-constants.ts";
import { intoTailnet } from "../../headcni/wire.ts";
import type { LabNode, Mode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { type CommandLine, run, runResult } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack, Finding } from "../attack.ts";
import { withForeignTable } from "../tools/through-node.ts";

/** On a quiet machine a second is the bar (`npm run bench`). */
const limitMs = 5_000;

type Enter = (command: CommandLine) => CommandLine;

const foreign = {
  name: "attack_foreign",
  body: "chain mine { type filter hook forward priority 20; policy accept; tcp dport 9 counter drop; }",
} as const;

export const deleteRules: Attack = {
  name: "delete-rules",
  promise: "restored",
  does: "root deletes the guard's tables, rules and routes in the node's namespace and in tailscaled's, one after another",
  run: ({ node }) =>
    withForeignTable(node, foreign.name, foreign.body, async () => {
      const inNode: Enter = (command) => inNetns(node.netns, command);
      const families = node.podCIDRs.map((prefix) => (prefix.includes(":") ? "-6" : "-4"));
      const spoils: readonly { readonly enter: Enter; readonly spoil: CommandLine }[] = [
        ...(await ownTables(inNode)).map((table) => ({ enter: inNode, spoil: deletion(table) })),
        ...families.flatMap((family) =>
          ways[node.mode].map((way) => ({ enter: inNode, spoil: way(family) })),
        ),
        ...(await inTailnetNamespace(node)),
      ];
      const before = await foreignTable(node);
      const findings: Finding[] = [];
      for (const { enter, spoil } of spoils) findings.push(await restored(enter, spoil));
      const touched = (await foreignTable(node)) !== before;
      const saw = touched ? "another program's table was changed" : "another program's table is untouched";
      return [...findings, { saw, harm: touched }];
    }),
};

/** What leads pods' packets to the tailnet, in the node's namespace. */
const ways: Readonly<Record<Mode, readonly ((family: string) => CommandLine)[]>> = {
  daemon: [
    (family) => ["ip", family, "route", "flush", "table", String(tailnetTable)],
    (family) => ["ip", family, "rule", "del", "pref", "5190"],
  ],
  host: [
    (family) => ["ip", family, "rule", "del", "pref", String(hostRulePriority.supernetUnreachable)],
    (family) => ["ip", family, "rule", "del", "pref", String(hostRulePriority.ownPrefixToMain)],
  ],
};

/** In tailscaled's namespace, where that is another. */
async function inTailnetNamespace(node: LabNode) {
  if (node.mode === "host") return [];
  const enter = await intoTailnet(node);
  return (await ownTables(enter)).map((table) => ({ enter, spoil: deletion(table) }));
}

/** The tables of ours in a namespace, by name. */
async function ownTables(enter: Enter): Promise<readonly string[]> {
  const tables = await run(enter(["nft", "list", "tables", "inet"]));
  return tables
    .split("\n")
    .flatMap((line) => /^table inet (headcni\w*)$/.exec(line)?.[1] ?? [])
    .sort();
}

function deletion(table: string): CommandLine {
  return ["nft", "delete", "table", "inet", table];
}

/** Deletes something and waits until the namespace is as it was. */
async function restored(enter: Enter, spoil: CommandLine): Promise<Finding> {
  const before = await guarded(enter);
  await run(enter(spoil));
  const start = performance.now();
  // Longer than what counts as harm: then the number says by how much.
  const isBack = await waitUntil(async () => (await guarded(enter)) === before, {
    what: `what "${spoil.join(" ")}" took is back`,
    timeoutMs: 30_000,
    everyMs: 10,
  }).catch(() => false);
  const ms = performance.now() - start;
  const saw = `"${spoil.join(" ")}" was ${isBack ? "" : "not "}undone within ${ms.toFixed(0)} ms`;
  return { saw, harm: !isBack || ms > limitMs };
}

/** Rules and routes that the guard holds, as the tools print them; what was put back may stand in another order. */
async function guarded(enter: Enter): Promise<string> {
  const views: readonly (readonly string[])[] = [
    ...(await ownTables(enter)).map((table) => ["nft", "-s", "list", "table", "inet", table]),
    ...["-4", "-6"].flatMap((family) => [
      ["ip", family, "rule", "show"],
      ["ip", family, "route", "show", "table", String(tailnetTable)],
    ]),
  ];
  const said = await Promise.all(
    views.map(async ([program = "", ...args]) => (await runResult(enter([program, ...args]))).stdout),
  );
  return said
    .flatMap((view) =>
      view
        .split("\n")
        .map((line) => line.split(" ").sort().join(" "))
        .sort(),
    )
    .join("\n");
}

async function foreignTable(node: LabNode): Promise<string> {
  return await run(inNetns(node.netns, ["nft", "-s", "list", "table", "inet", foreign.name]));
}
