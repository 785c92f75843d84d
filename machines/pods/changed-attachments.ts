import type { AttachmentsChanged, KnownAttachment } from "../../src/domain/pod-watch-join.ts";
import type { Row } from "./pods-context.ts";

type Rows = readonly (Row | null)[];

/** What began and ended between two looks at the registry; undefined when nothing did. */
export function changedAttachments(before: Rows, after: Rows): AttachmentsChanged | undefined {
  const added: KnownAttachment[] = [];
  const removed: string[] = [];
  for (let slot = 0; slot < Math.max(before.length, after.length); slot += 1) {
    const [was, is] = [standing(before[slot]), standing(after[slot])];
    if (was?.key === is?.key) continue;
    if (was !== undefined) removed.push(was.key);
    if (is !== undefined) added.push(knownAttachment(is));
  }
  const count = countOf(after);
  if (added.length === 0 && removed.length === 0 && count === countOf(before)) return undefined;
  return { type: "attachments.changed", added, removed, count };
}

/** Half made and half removed ones are nobody's yet, or nobody's any more. */
function standing(row: Row | null | undefined): Row | undefined {
  if (!row) return undefined;
  return row.state === "attached" || row.state === "checking" || row.state === "verifying" ? row : undefined;
}

function knownAttachment({ key, plan: { network, containerId, ifname, podUid } }: Row): KnownAttachment {
  return { key, network, containerId, ifname, podUid };
}

/** Addresses are used from the first moment of an attachment to the last. */
function countOf(rows: Rows): number {
  return rows.filter((row) => row !== null).length;
}
