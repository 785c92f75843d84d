import { version } from "../protocol/version.ts";
import { documentCommand } from "./output/document-command.ts";

export const versionCommand = documentCommand({
  kind: "Version",
  name: "version",
  summary: "print the version of headcnictl",
  collect: async () => ({ headcnictl: version, node: process.version }),
  render: ({ headcnictl, node }) => `headcnictl ${headcnictl} (Node ${node})`,
});
