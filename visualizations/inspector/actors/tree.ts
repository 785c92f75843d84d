import type { FeedActor } from "../../../src/observe/inspector/feed-messages.ts";

/** A line of the tree of machines. */
export interface TreeRow {
  readonly actor: FeedActor;
  /** 1 for a machine without a parent. */
  readonly level: number;
  readonly hasChildren: boolean;
  readonly open: boolean;
  /** It is shown for the sake of those below it: it does not fit the search itself. */
  readonly beside: boolean;
}

export type Show = "all" | "over" | "failed";

/** How near a machine is to its time limit. */
export type Pressure = "none" | "fine" | "near" | "over" | "failed";

/** From half of its limit on a machine is worth a look. */
const nearFrom = 0.5;

export function pressureOf(actor: FeedActor, now: number): Pressure {
  if (actor.error !== undefined) return "failed";
  if (actor.limit === null || actor.ended === true) return "none";
  const used = (now - actor.limit.since) / actor.limit.ms;
  return used > 1 ? "over" : used >= nearFrom ? "near" : "fine";
}

/** The rows to show, parents before children. A search or a narrower choice opens everything on the way to what fits. */
export function treeRows(
  actors: ReadonlyMap<string, FeedActor>,
  options: {
    readonly search: string;
    readonly show: Show;
    readonly closed: ReadonlySet<string>;
    readonly now: number;
  },
): readonly TreeRow[] {
  const { closed } = options;
  const children = childrenOf(actors);
  const narrowed = options.search !== "" || options.show !== "all";
  const fitting = narrowed ? fits(actors, options) : null;
  const rows: TreeRow[] = [];

  function add(actor: FeedActor, level: number): void {
    const below = (children.get(actor.key) ?? []).filter(({ key }) => fitting === null || fitting.has(key));
    const open = below.length > 0 && (narrowed || !closed.has(actor.key));
    rows.push({
      actor,
      level,
      hasChildren: below.length > 0,
      open,
      beside: fitting?.get(actor.key) === "beside",
    });
    if (open) for (const child of below) add(child, level + 1);
  }

  for (const actor of children.get(null) ?? []) if (fitting === null || fitting.has(actor.key)) add(actor, 1);
  return rows;
}

function childrenOf(actors: ReadonlyMap<string, FeedActor>): Map<string | null, FeedActor[]> {
  const children = new Map<string | null, FeedActor[]>();
  for (const actor of actors.values()) {
    const parent = actor.parent !== null && actors.has(actor.parent) ? actor.parent : null;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [actor]);
    else siblings.push(actor);
  }
  return children;
}

/** Machines that fit, and those above them. */
function fits(
  actors: ReadonlyMap<string, FeedActor>,
  { search, show, now }: { readonly search: string; readonly show: Show; readonly now: number },
): Map<string, "fits" | "beside"> {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const found = new Map<string, "fits" | "beside">();
  for (const actor of actors.values()) {
    const text = `${actor.machine} ${actor.actor} ${actor.subject} ${actor.state}`.toLowerCase();
    if (!words.every((word) => text.includes(word)) || !shown(actor, show, now)) continue;
    found.set(actor.key, "fits");
    for (let up = actor.parent; up !== null; up = actors.get(up)?.parent ?? null) {
      if (found.has(up)) break;
      found.set(up, "beside");
    }
  }
  return found;
}

function shown(actor: FeedActor, show: Show, now: number): boolean {
  if (show === "all") return true;
  const pressure = pressureOf(actor, now);
  return show === "over" ? pressure === "over" || pressure === "near" : pressure === "failed";
}
