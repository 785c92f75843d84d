import { version } from "../version.ts";
import { documentCommand } from "./document-command.ts";

export const versionCommand = documentCommand({
  kind: "Version",
  name: "version",
  summary: "the version of headcnictl",
  collect: async () => ({ headcnictl: version, node: process.version }),
  render: ({ headcnictl, node }) => `headcnictl ${headcnictl} (Node ${node})`,
});
