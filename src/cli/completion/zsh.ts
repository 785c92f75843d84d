import type { CompletionOption, CompletionPoint } from "./completion-tree.ts";

export function zshCompletion(points: readonly CompletionPoint[]): string {
  const paths = new Set(points.map(({ path }) => path.join(" ")));
  const functions = points.map(({ path, words, options }) => {
    const flags = options.map((option) => `    ${quoted(optionSpec(option))} \\`);
    const inner = words.map(({ word }) => word).filter((word) => paths.has([...path, word].join(" ")));
    if (words.length === 0)
      return `${functionName(path)}() {
  _arguments -s \\
${flags.join("\n")}
    '*: :_default'
}`;
    return `${functionName(path)}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -s -C \\
${flags.join("\n")}
    '1: :->word' '*:: :->rest'
  case $state in
    word) local -a words_here=(${words.map(({ word, summary }) => quoted(`${word}:${summary}`)).join(" ")})
      _describe 'command' words_here ;;
    rest) case $line[1] in
${inner.map((word) => `      ${word}) ${functionName([...path, word])} ;;`).join("\n")}
      esac ;;
  esac
}`;
  });
  return `#compdef headcnictl
# zsh completion for headcnictl
${functions.join("\n\n")}

_headcnictl "$@"`;
}

function functionName(path: readonly string[]): string {
  return ["_headcnictl", ...path.map((word) => word.replaceAll("-", "_"))].join("_");
}

function optionSpec({ long, summary, values }: CompletionOption): string {
  const about = `[${summary.replace(/[[\]:\\]/g, "\\$&")}]`;
  if (values === null) return `${long}${about}`;
  return `${long}${about}: :${values.length === 0 ? "_files" : `(${values.join(" ")})`}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
