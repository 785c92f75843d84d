import type { Mode } from "../../lab/lab-types.ts";

/** Whether tests try mode host: once the daemon can do it. Until then what needs it is left out. */
export const triesHostMode: boolean = true;

/** The modes that `eachMode` tries. */
export const modes: readonly Mode[] = triesHostMode ? ["daemon", "host"] : ["daemon"];

/** Files of mode host alone. */
export const hostModeFiles: string[] = ["kubernetes-homes", "mixed-modes", "systemd-host"].map(
  (name) => `test/e2e/${name}.test.ts`,
);
