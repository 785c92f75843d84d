import { describe, expect, test } from "vitest";
import { type Attack, type PromiseName, promises, sawLine, verdictOf } from "../../../lab/attacks/attack.ts";
import { attackPods } from "../../../lab/attacks/tools/attack-pods.ts";
import { withoutRules } from "../../../lab/attacks/tools/guard-rules.ts";
import { type Outcome, sceneOf, tryAttack } from "../../../lab/attacks/try-attack.ts";
import type { Lab } from "../../../lab/lab-types.ts";

const attackedNode = "n1";

/**
 * Tests of promises, each named after its sentence: every attack on it fails, and where one rule of the guard holds against an attack,
 * that attack succeeds while the rule is deleted and nobody restores it.
 */
export function attackTests(lab: () => Lab, attacks: readonly Attack[]): void {
  const scene = () => sceneOf(lab(), attackedNode);
  for (const promise of Object.keys(promises) as PromiseName[]) {
    const its = attacks.filter((attack) => attack.promise === promise);
    if (its.length === 0) continue;
    describe(promises[promise], () => {
      test.each(its)("$name: $does", async (attack) => {
        const harm = harmOf(await tryAttack(attack, scene()));
        // With the words: a report shortens what it compares.
        expect(harm, harm.join("; ")).toEqual([]);
      });

      const held = its.flatMap((attack) =>
        attack.heldBy === undefined ? [] : [{ name: attack.name, attack, rules: attack.heldBy }],
      );
      test.each(held)("$name succeeds without its rule", async ({ attack, rules }) => {
        // Made before: a daemon that stands still attaches no pod.
        await attackPods(scene());
        const findings = await withoutRules(lab(), scene().node, rules, () => attack.run(scene()));
        expect(verdictOf(findings), sawLine(findings)).toBe("succeeded");
      });
    });
  }
}

/** What must not be seen; that an attack could not be tried must not be, either. */
function harmOf(outcome: Outcome): readonly string[] {
  if (outcome.verdict === "untried") return [`could not be tried: ${outcome.why}`];
  return verdictOf(outcome.findings) === "failed"
    ? []
    : outcome.findings.map(({ saw, harm }) => (harm ? saw : `(${saw})`));
}
