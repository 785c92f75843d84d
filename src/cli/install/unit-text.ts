import { readFile } from "node:fs/promises";

/** Services of a node without a DaemonSet, in the order in which they start: `deploy/systemd/NAME.service`. */
export type ServiceName = "headcni-wire" | "headcni";

/** The text of a unit as it is delivered: next to the bundle, or where the source has it. */
export async function readUnit(name: ServiceName): Promise<string> {
  const self = import.meta.url;
  const folder = new URL(self.endsWith(".ts") ? "../../../deploy/systemd/" : "./systemd/", self);
  return await readFile(new URL(`${name}.service`, folder), "utf8");
}

/** That text with the command line of this installation. */
export function unitText(delivered: string, command: readonly string[]): string {
  const lines = delivered.split("\n").flatMap((line) => {
    // The plugin has been put in place by then.
    if (line.startsWith("#") || line.startsWith("ExecStartPre=")) return [];
    return [line.startsWith("ExecStart=") ? `ExecStart=${command.map(unitWord).join(" ")}` : line];
  });
  return `# Written by headcnictl install.\n${lines.join("\n")}`;
}

/** Quoted as systemd.syntax(7) wants it; % begins a specifier, $ a variable. */
function unitWord(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(escaped) ? `"${escaped.replace(/["\\]/g, "\\$&")}"` : escaped;
}
