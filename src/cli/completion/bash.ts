import type { CompletionPoint } from "./completion-tree.ts";

/** For bash 4 and newer, without the bash-completion package. */
export function bashCompletion(points: readonly CompletionPoint[]): string {
  const cases = points.map(({ path, words, options }) => {
    const flags = options.flatMap(({ long, short }) => (short === null ? [long] : [long, short]));
    return `    "${path.join(" ")}") words="${words.map(({ word }) => word).join(" ")}"; flags="${flags.join(" ")}" ;;`;
  });
  const valued = new Map(
    points.flatMap(({ options }) =>
      options.flatMap(({ long, short, values }) =>
        values === null
          ? []
          : [long, ...(short === null ? [] : [short])].map((flag) => [flag, values.join(" ")] as const),
      ),
    ),
  );
  const paths = points.map(({ path }) => path.join(" ")).filter((path) => path !== "");
  return `# bash completion for headcnictl
_headcnictl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at="" next word index words="" flags=""
  case "$previous" in
${[...valued].map(([flag, values]) => `    ${flag}) ${values === "" ? 'COMPREPLY=($(compgen -f -- "$current"))' : `COMPREPLY=($(compgen -W "${values}" -- "$current"))`}; return ;;`).join("\n")}
  esac
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    next="\${at:+$at }$word"
    case "$next" in
      ${paths.map((path) => `"${path}"`).join("|")}) at="$next" ;;
    esac
  done
  case "$at" in
${cases.join("\n")}
  esac
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -o default -F _headcnictl headcnictl`;
}
