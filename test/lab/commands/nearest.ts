/** The candidate that is fewest edits (insert, delete, replace) from `word`, if those are at most half its length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates.map((candidate) => ({ candidate, edits: editDistance(word, candidate) }));
  ranked.sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.ceil(word.length / 2) ? best.candidate : undefined;
}

/** Levenshtein distance, row by row. */
function editDistance(a: string, b: string): number {
  return (
    [...a]
      .reduce<readonly number[]>(
        (row, letter, i) => {
          const next = [i + 1];
          for (const [j, other] of [...b].entries()) {
            const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
            next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
          }
          return next;
        },
        Array.from({ length: b.length + 1 }, (_, index) => index),
      )
      .at(-1) ?? 0
  );
}
