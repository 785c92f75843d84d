import type { TailnetMachine } from "../../src/domain/approval/tailnet-machine.ts";

/** A machine of the tailnet with what a test does not care about. */
export function tailnetMachine(id: string, more: Partial<TailnetMachine> = {}): TailnetMachine {
  return {
    id,
    name: `m${id}`,
    online: true,
    createdAtMs: 0,
    lastSeenAtMs: 0,
    authKeyId: "",
    announced: [],
    approved: [],
    ...more,
  };
}
