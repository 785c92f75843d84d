import { readFile } from "node:fs/promises";

/** Services of a node, in the order in which they start: `deploy/systemd/NAME.service`. */
export type ServiceName = "headcni-guard" | "headcni-wire" | "headcni";

/** The text of a unit as it is delivered: next to the bundle, or where the source has it. */
export async function readUnit(name: ServiceName): Promise<string> {
  const self = import.meta.url;
  const folder = new URL(self.endsWith(".ts") ? "../../../deploy/systemd/" : "./systemd/", self);
  return await readFile(new URL(`${name}.service`, folder), "utf8");
}

export interface UnitChanges {
  /** What of this installation is to run. */
  readonly command: readonly string[];
  /** What carries the pods, which the daemon is started after. */
  readonly carrier?: "headcni-wire" | "tailscaled";
  /** Whether a daemon has run since the boot: the socket that it makes. */
  readonly cniSocket?: string;
  /** More of the section Service. */
  readonly service?: readonly string[];
}

/** That text for this installation; `by` wrote it. */
export function unitText(delivered: string, changes: UnitChanges, by = "headcnictl install"): string {
  const { command, carrier = "headcni-wire", cniSocket, service = [] } = changes;
  const lines = delivered.split("\n").flatMap((line) => {
    // The plugin has been put in place by then.
    if (line.startsWith("#") || line.startsWith("ExecStartPre=")) return [];
    if (line.startsWith("ExecStart=")) return [`ExecStart=${command.map(unitWord).join(" ")}`, ...service];
    if (line.startsWith("ConditionPathExists=!") && cniSocket !== undefined)
      return [`ConditionPathExists=!${unitPath(cniSocket)}`];
    return [line.replaceAll("headcni-wire.service", `${carrier}.service`)];
  });
  return `# Written by ${by}.\n${lines.join("\n")}`;
}

/** Quoted as systemd.syntax(7) wants it; % begins a specifier, $ a variable. */
export function unitWord(word: string): string {
  const escaped = unitPath(word).replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(escaped) ? `"${escaped.replace(/["\\]/g, "\\$&")}"` : escaped;
}

/** The value of a setting that holds one path and no variables (systemd.unit(5): specifiers). */
export function unitPath(path: string): string {
  return path.replaceAll("%", "%%");
}
