import { version } from "../version.ts";
import type { CliCommand } from "./command.ts";
import { printDocument } from "./document.ts";
import { exitCodes } from "./exit-codes.ts";

export const versionCommand: CliCommand = {
  name: "version",
  summary: "the version of headcnictl",
  run: async ({ context }) => {
    context.out(
      context.json
        ? printDocument("Version", { headcnictl: version, node: process.version })
        : `headcnictl ${version} (Node ${process.version})`,
    );
    return exitCodes.ok;
  },
};
