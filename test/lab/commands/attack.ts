import { allAttacks } from "../attacks/all-attacks.ts";
import { type Attack, promises, sawLine } from "../attacks/attack.ts";
import { attackNamed, type Outcome, sceneOf, tryAttack } from "../attacks/try-attack.ts";
import { LabError } from "../lab-error.ts";
import { openLab } from "../lab-store.ts";
import { type Command, commonOptions, flag, positionals, print, printJson, text } from "./command.ts";

const usage = "attack [NAME] [--node n1] [--json]";

export const attack: Command = {
  words: ["attack"],
  usage,
  summary:
    "attack a node; ends with 0 if that failed, 1 if it succeeded, 2 if it could not be tried; without NAME: all there are",
  options: { ...commonOptions, node: { type: "string" } },
  run: async (args) => {
    if (args.positionals.length === 0) {
      if (flag(args, "json")) printJson({ attacks: allAttacks.map(described) });
      else print(...attackList());
      return 0;
    }
    const [name] = positionals(args, ["NAME"], usage);
    const found = attackNamed(name);
    const node = text(args, "node") ?? "n1";
    // Whatever goes wrong must not look like an attack that succeeded.
    const outcome = await openLab(text(args, "id"))
      .then((lab) => tryAttack(found, sceneOf(lab, node)))
      .catch((error: unknown): Outcome => ({ verdict: "untried", why: whyOf(error) }));
    if (flag(args, "json")) printJson({ ...described(found), node, ...outcome });
    else print(...outcomeLines(found, outcome));
    return exitCodeOf(outcome);
  },
};

/** What an attack does, what it saw, and the verdict: one line each. */
export function outcomeLines({ does }: Attack, outcome: Outcome): readonly string[] {
  const { verdict } = outcome;
  const saw = verdict === "untried" ? outcome.why.replaceAll("\n", " | ") : sawLine(outcome.findings);
  return [
    `does:    ${does}`,
    `saw:     ${saw}`,
    `verdict: ${verdict === "untried" ? "could not be tried" : verdict}`,
  ];
}

/** 0: the attack failed, all is well. */
export function exitCodeOf({ verdict }: Outcome): 0 | 1 | 2 {
  return ({ failed: 0, succeeded: 1, untried: 2 } as const)[verdict];
}

function whyOf(error: unknown): string {
  return error instanceof LabError ? error.message : String(error);
}

function attackList(): readonly string[] {
  return Object.entries(promises).flatMap(([promise, says]) => [
    `${says}:`,
    ...allAttacks
      .filter((each) => each.promise === promise)
      .map((attack) => `  ${attack.name.padEnd(32)}${attack.does}${place(attack)}`),
  ]);
}

function place({ kubernetes, mode }: Attack): string {
  const cluster = kubernetes === undefined ? [] : [kubernetes ? "with a cluster" : "without a cluster"];
  const words = [...cluster, ...(mode === undefined ? [] : [`in mode ${mode}`])];
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function described({ name, promise, does, kubernetes, mode }: Attack) {
  return { name, promise: promises[promise], does, kubernetes: kubernetes ?? null, mode: mode ?? null };
}
