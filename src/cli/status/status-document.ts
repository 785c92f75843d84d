import type { MachineRow } from "../../observe/pages/machines-page.ts";
import type { StatusPage } from "../../observe/pages/status-page.ts";

export interface StatusDocument {
  /** Milliseconds since the epoch, of the node that was asked. */
  readonly at: number;
  readonly status: StatusPage;
  /** Machines past their limit or failed. */
  readonly stuck: readonly MachineRow[];
}
