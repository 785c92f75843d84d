import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runProgram } from "../adapters/nftables/run-program.ts";

/** The daemon of the same build: next to this file's bundle, or its source. */
export function daemonCommand(...words: readonly string[]): readonly string[] {
  return programCommand("../programs/daemon/main.ts", "./headcni.mjs", words);
}

/** headcni-wire of the same build. */
export function wireCommand(...words: readonly string[]): readonly string[] {
  return programCommand("../programs/wire/main.ts", "./headcni-wire.mjs", words);
}

/** headcnictl's helper process. */
export function helperCommand(...words: readonly string[]): readonly string[] {
  return programCommand("./helper.ts", "./headcnictl-helper.mjs", words);
}

/** What the helper prints. */
export function askHelper(...words: readonly string[]): Promise<string> {
  const [program = "", ...args] = helperCommand(...words);
  return runProgram({ program, args });
}

function programCommand(source: string, bundle: string, words: readonly string[]): readonly string[] {
  const self = import.meta.url;
  const program = new URL(self.endsWith(".ts") ? source : bundle, self);
  return [process.execPath, ...process.execArgv, fileURLToPath(program), ...words];
}

/** The CNI plugin as the image carries it, beside the bundles; undefined in a checkout. */
export function bundledPlugin(): string | undefined {
  const plugin = fileURLToPath(new URL("./plugin/headcni", import.meta.url));
  return existsSync(plugin) ? plugin : undefined;
}
