import type { AttachmentsChanged, KnownAttachment } from "../../src/domain/pod-watch-join.ts";
import type { Row } from "./pods-context.ts";

type Rows = readonly (Row | null)[];

/** What began and ended between two looks at the registry; undefined when nothing did. */
export function changedAttachments(before: Rows, after: Rows): AttachmentsChanged | undefined {
  const added: KnownAttachment[] = [];
  const removed: string[] = [];
  const slots = Math.max(before.length, after.length);
  let moreUsed = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    const [old, now] = [before[slot] ?? null, after[slot] ?? null];
    // Each event changes a row or two of a hundred.
    if (old === now) continue;
    moreUsed += Number(now !== null) - Number(old !== null);
    const [was, is] = [standing(old), standing(now)];
    if (was?.key === is?.key) continue;
    if (was !== undefined) removed.push(was.key);
    if (is !== undefined) added.push(knownAttachment(is));
  }
  if (added.length === 0 && removed.length === 0 && moreUsed === 0) return undefined;
  return { type: "attachments.changed", added, removed, count: countOf(after) };
}

/** Half made and half removed ones are nobody's yet, or nobody's any more. */
function standing(row: Row | null): Row | undefined {
  if (row === null) return undefined;
  return row.state === "attached" || row.state === "checking" || row.state === "verifying" ? row : undefined;
}

function knownAttachment({ key, plan: { network, containerId, ifname, podUid } }: Row): KnownAttachment {
  return { key, network, containerId, ifname, podUid };
}

/** Addresses are used from the first moment of an attachment to the last. */
function countOf(rows: Rows): number {
  return rows.filter((row) => row !== null).length;
}
