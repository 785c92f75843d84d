import type { Sysctls } from "../domain/guard/guard-sysctls.ts";

/** The node's sysctls as they were before the first change; lost by a reboot like the changes themselves. */
export interface SysctlMemory {
  /** Empty when nothing was changed. */
  recall(): Promise<Sysctls>;
  /**
   * Keeps the values durably, all or, where one of the names was remembered before, none: only the first are the node's own.
   */
  remember(values: Sysctls): Promise<void>;
  forget(): Promise<void>;
}
