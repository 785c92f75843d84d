import { fileURLToPath } from "node:url";

/** The command line of headcnictl's helper process: next to this file when run from source, else next to the bundle. */
export function helperCommand(...words: readonly string[]): readonly string[] {
  const self = import.meta.url;
  const helper = new URL(self.endsWith(".ts") ? "./helper.ts" : "./headcnictl-helper.mjs", self);
  return [process.execPath, ...process.execArgv, fileURLToPath(helper), ...words];
}
