import type { CompletionPoint } from "./completion-tree.ts";

export function fishCompletion(points: readonly CompletionPoint[]): string {
  const lines = points.flatMap(({ path, words, options }) => {
    const known = words.map(({ word }) => word).join(" ");
    const here = [
      ...path.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(known === "" ? [] : [`not __fish_seen_subcommand_from ${known}`]),
    ].join("; and ");
    const condition = here === "" ? "" : ` -n ${quoted(here)}`;
    return [
      ...words.map(
        ({ word, summary }) => `complete -c headcnictl -f${condition} -a ${word} -d ${quoted(summary)}`,
      ),
      ...options.map(({ long, short, summary, values }) => {
        const takes =
          values === null ? "" : values.length === 0 ? " -r" : ` -x -a ${quoted(values.join(" "))}`;
        const flags = `-l ${long.slice(2)}${short === null ? "" : ` -s ${short.slice(1)}`}`;
        return `complete -c headcnictl${path.length === 0 ? "" : condition} ${flags}${takes} -d ${quoted(summary)}`;
      }),
    ];
  });
  return ["# fish completion for headcnictl", ...new Set(lines)].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
