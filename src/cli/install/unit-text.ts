import { readFile } from "node:fs/promises";

/** Services of a node without a DaemonSet, in the order in which they start: `deploy/systemd/NAME.service`. */
export type ServiceName = "headcni-wire" | "headcni";

export interface UnitOptions {
  /** The command line that stands for the unit's own. */
  readonly command: readonly string[];
  /** Whether headcni-wire runs tailscaled; otherwise the daemon starts it itself and leaves it running. */
  readonly wire: boolean;
}

/** The text of a unit as it is delivered: next to the bundle, or where the source has it. */
export async function readUnit(name: ServiceName): Promise<string> {
  const self = import.meta.url;
  const folder = new URL(self.endsWith(".ts") ? "../../../deploy/systemd/" : "./systemd/", self);
  return await readFile(new URL(`${name}.service`, folder), "utf8");
}

/** That text for one node: with the command of this installation, and with or without the wire. */
export function unitText(delivered: string, { command, wire }: UnitOptions): string {
  const lines = delivered.split("\n").flatMap((line) => {
    // The plugin has been put in place by then.
    if (line.startsWith("#") || line.startsWith("ExecStartPre=")) return [];
    if (line.startsWith("ExecStart=")) {
      const start = `ExecStart=${command.map(unitWord).join(" ")}`;
      // tailscaled outlives the daemon that started it, so only the daemon itself is stopped.
      return wire ? [start] : [start, "KillMode=process"];
    }
    if (wire) return [line];
    // tailscaled, a child of the daemon then, is not held to the daemon's own capabilities.
    if (/^(CapabilityBoundingSet|NoNewPrivileges)=/.test(line)) return [];
    return [line.replace(/ headcni-wire\.service\b/, "")];
  });
  return `# Written by headcnictl install.\n${lines.join("\n")}`;
}

/** Quoted as systemd.syntax(7) wants it; % begins a specifier, $ a variable. */
function unitWord(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(escaped) ? `"${escaped.replace(/["\\]/g, "\\$&")}"` : escaped;
}
