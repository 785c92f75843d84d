import type { Mode } from "../../lab/lab-types.ts";

/** Whether tests try mode host: once the daemon can do it. Until then files that need it are left out (vitest.config.ts). */
export const triesHostMode: boolean = false;

/** The modes that `eachMode` tries. */
export const modes: readonly Mode[] = triesHostMode ? ["daemon", "host"] : ["daemon"];
