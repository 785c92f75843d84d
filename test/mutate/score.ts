import type { Verdict } from "./judge.ts";

export type Score = {
  readonly name: string;
  /** All but the equivalent ones. */
  readonly mutants: number;
  readonly killed: number;
  readonly equivalent: number;
  /** Percent of the mutants that a test killed; 100 without mutants. */
  readonly score: number;
};

function scoreOf(name: string, verdicts: readonly Verdict[]): Score {
  const judged = verdicts.filter(({ equivalent }) => equivalent === undefined);
  const killed = judged.filter(({ killedBy }) => killedBy !== undefined).length;
  return {
    name,
    mutants: judged.length,
    killed,
    equivalent: verdicts.length - judged.length,
    score: judged.length === 0 ? 100 : (100 * killed) / judged.length,
  };
}

/** One score for each file with a judged mutant, then the total. */
export function scores(files: readonly string[], verdicts: readonly Verdict[]): readonly Score[] {
  const perFile = files.flatMap((file) => {
    const own = verdicts.filter(({ mutant }) => mutant.file === file);
    return own.length === 0 ? [] : [scoreOf(file, own)];
  });
  return [...perFile, scoreOf("total", verdicts)];
}

export function survivors(verdicts: readonly Verdict[]): readonly Verdict[] {
  return verdicts.filter(({ killedBy, equivalent }) => killedBy === undefined && equivalent === undefined);
}

/** Declared as equivalent, and a test tells it from the original. */
export function notEquivalent(verdicts: readonly Verdict[]): readonly Verdict[] {
  return verdicts.filter(({ killedBy, equivalent }) => killedBy !== undefined && equivalent !== undefined);
}

export function scoreLine({ name, mutants, killed, equivalent, score }: Score): string {
  const others = equivalent === 0 ? "" : `, ${equivalent} equivalent`;
  return `${score.toFixed(1).padStart(5)} %  ${String(killed).padStart(4)} of ${String(mutants).padEnd(4)} ${name}${others}`;
}

export function survivorLines({ mutant, testFiles }: Verdict): string {
  const tests = testFiles === 0 ? "no test reaches it" : `${testFiles} test files reach it`;
  return `${mutant.file}:${mutant.line} ${mutant.mutator}, ${tests}\n  - ${mutant.before}\n  + ${mutant.after}`;
}
