import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The daemon of the same build: next to this file's bundle, or its source. */
export function daemonCommand(...words: readonly string[]): readonly string[] {
  const self = import.meta.url;
  const daemon = new URL(self.endsWith(".ts") ? "../main.ts" : "./headcni.mjs", self);
  return [process.execPath, ...process.execArgv, fileURLToPath(daemon), ...words];
}

/** The CNI plugin as the image carries it, beside the bundles; undefined in a checkout. */
export function bundledPlugin(): string | undefined {
  const plugin = fileURLToPath(new URL("./plugin/headcni", import.meta.url));
  return existsSync(plugin) ? plugin : undefined;
}
