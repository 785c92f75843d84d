import type { News } from "./news.ts";
import type { StateMeta } from "./state-limit.ts";

/** What every machine's types say alike. */
export interface MachineTypes {
  meta: StateMeta;
  emitted: News;
}
