import type { CliCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { globalOptions } from "../options/global-options.ts";
import { bashCompletion } from "./bash.ts";
import { completionTree } from "./completion-tree.ts";
import { fishCompletion } from "./fish.ts";
import { zshCompletion } from "./zsh.ts";

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** Completion of the given commands and of itself, as a script for a shell. */
export function completionCommand(commands: () => readonly CliCommand[]): CliCommand {
  return {
    name: "completion",
    summary: "print a completion script for your shell",
    arguments: [{ flags: "<shell>", summary: "name of the shell", choices: Object.keys(shells) }],
    notes: [
      "bash:  headcnictl completion bash > /etc/bash_completion.d/headcnictl",
      "zsh:   headcnictl completion zsh > /usr/local/share/zsh/site-functions/_headcnictl",
      "fish:  headcnictl completion fish > ~/.config/fish/completions/headcnictl.fish",
    ].join("\n"),
    run: async ({ context, words: [shell = ""] }) => {
      const script = shells[shell as keyof typeof shells];
      context.out(script(completionTree(commands(), globalOptions)));
      return exitCodes.ok;
    },
  };
}
