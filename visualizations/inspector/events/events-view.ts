import type { FeedEntry, FeedMessage, FeedTransition } from "../../../src/observe/inspector/feed-messages.ts";
import { element, part, setAttributes, setText } from "../dom/dom.ts";
import { eventText, shortSubject, timeOfDay } from "../dom/text.ts";
import { createVirtualList } from "../dom/virtual-list.ts";
import type { View } from "../model/model.ts";
import type { Selection } from "../model/selection.ts";
import { fittingEntries, lanesOf } from "./lanes.ts";

const rowHeight = 22;
/** Room for the time of day, left of the lanes (lists.css: .entry .time). */
const timeWidth = 104;
/** Room that the text of the last lane needs. */
const textWidth = 230;
const [narrowestLane, usualLane, widestLane] = [44, 64, 150];

export interface EventsView {
  render(view: View, selection: Selection): void;
  focusFilter(): void;
  /** Back to the newest. */
  follow(): void;
}

/** The events between machines as a sequence diagram: a lane per machine, time goes down, the newest is followed. */
export function createEventsView(
  order: readonly string[],
  choose: (entry: FeedEntry) => void,
  redraw: () => void,
): EventsView {
  const box = part("events", HTMLElement);
  const lanesBar = part("lanes", HTMLElement);
  const filter = part("filter", HTMLInputElement);
  const [only, transitions, messages] = ["only", "transitions", "messages"].map((id) =>
    part(id, HTMLInputElement),
  );
  const follow = part("follow", HTMLButtonElement);
  const shown = part("shown", HTMLElement);
  const empty = part("events-empty", HTMLElement);
  let entries: readonly FeedEntry[] = [];
  let lanes: readonly string[] = [];
  let subjects: View["actors"] = new Map();
  let selection: Selection = { key: "", entry: null };
  let laneWidth = 90;
  let following = true;
  /** Kept: to ask for it between writes would make the browser lay the page out for every row. */
  let boxWidth = 0;

  const list = createVirtualList(box, rowHeight, {
    make: () =>
      element(
        "div",
        { class: "entry", role: "option" },
        element("span", { class: "time mono" }),
        element("span", { class: "arrow" }),
        element("span", { class: "what" }),
      ),
    fill: fillRow,
  });

  const middle = (machine: string): number => {
    const lane = lanes.indexOf(machine);
    return lane < 0 ? timeWidth - 4 : timeWidth + lane * laneWidth + laneWidth / 2;
  };

  function fillRow(row: HTMLElement, index: number): void {
    const entry = entries[index];
    if (entry === undefined) return;
    const [time, arrow, what] = row.children as unknown as [HTMLElement, HTMLElement, HTMLElement];
    setAttributes(row, {
      id: `entry-${entry.seq}`,
      "data-seq": entry.seq,
      "data-kind": entry.kind,
      "aria-selected": entry.seq === selection.entry?.seq ? "true" : "false",
      "data-mine": selection.key !== "" && isAbout(entry, selection.key),
    });
    setText(time, timeOfDay(entry.at));
    if (entry.kind === "transition") fillTransition(arrow, what, entry);
    else fillMessage(arrow, what, entry);
  }

  function fillTransition(arrow: HTMLElement, what: HTMLElement, entry: FeedTransition): void {
    const x = middle(entry.machine);
    place(arrow, { left: x - 5, width: 10, kind: "transition" });
    beside(what, x - 5, x + 5);
    const failed = entry.to === "failed" || entry.to === "error";
    setAttributes(what, {
      "data-tone": failed ? "bad" : "transition",
      title: `${entry.machine} ${entry.subject}`,
    });
    const change = entry.from === "" ? `${entry.to}  (began)` : `${entry.from} → ${entry.to}`;
    setText(what, `${change}${entry.subject === "" ? "" : `   ${shortSubject(entry.subject)}`}`);
  }

  function fillMessage(arrow: HTMLElement, what: HTMLElement, entry: FeedMessage): void {
    const [from, to] = [middle(entry.sourceMachine), middle(entry.targetMachine)];
    const self = from === to;
    const ends = { left: Math.min(from, to), width: Math.max(12, Math.abs(to - from)) };
    place(arrow, { ...ends, kind: self ? "self" : to > from ? "right" : "left" });
    beside(what, ends.left, ends.left + ends.width);
    const subject = subjects.get(entry.target)?.subject ?? "";
    const tone = entry.type.startsWith("xstate.")
      ? entry.type.includes("error")
        ? "bad"
        : "quiet"
      : "event";
    setAttributes(what, {
      "data-tone": tone,
      title: `${entry.sourceMachine || "outside"} → ${entry.targetMachine} ${subject}`,
    });
    const text = eventText(entry.type, entry.effect);
    setText(what, `${text}${subject === "" ? "" : `   ${shortSubject(subject)}`}`);
  }

  /** Text stands right of its arrow, or left of it where there is more room. */
  function beside(what: HTMLElement, left: number, right: number): void {
    const room = boxWidth - right - 16;
    const turned = room < textWidth && left - timeWidth > room;
    what.style.left = turned ? "auto" : `${right + 8}px`;
    what.style.right = turned ? `${boxWidth - left + 8}px` : "auto";
    what.style.maxWidth = `${Math.max(60, turned ? left - timeWidth : room)}px`;
  }

  function drawLanes(): void {
    laneWidth = laneWidthIn(boxWidth, lanes.length);
    lanesBar.style.setProperty("--lane", `${laneWidth}px`);
    box.style.setProperty("--lane", `${laneWidth}px`);
    box.style.setProperty("--lanes", String(lanes.length));
    const names = lanes.map((machine) => {
      const name = element("span", { title: machine }, machine);
      name.style.left = `${middle(machine) - laneWidth / 2}px`;
      name.style.width = `${laneWidth}px`;
      return name;
    });
    lanesBar.replaceChildren(...names);
  }

  /** The entry at the upper edge while somebody reads further up. */
  function anchorOf(drawn: readonly FeedEntry[]): { readonly seq: number; readonly offset: number } {
    const top = list.top();
    return { seq: drawn[Math.floor(top)]?.seq ?? 0, offset: top % 1 };
  }

  /** Old entries go, and filters change: what is being read stays where it is. */
  function keepInPlace({ seq, offset }: { readonly seq: number; readonly offset: number }): void {
    const index = entries.findIndex((entry) => entry.seq >= seq);
    if (index >= 0 && index !== Math.floor(list.top())) list.scrollTo(index + offset);
  }

  function pick(index: number): void {
    const entry = entries[Math.max(0, Math.min(entries.length - 1, index))];
    if (entry === undefined) return;
    following = false;
    choose(entry);
    list.reveal(entries.indexOf(entry));
  }

  box.addEventListener("scroll", () => {
    const end = list.atEnd();
    if (end === following) return;
    following = end;
    follow.hidden = following;
  });
  box.addEventListener("click", ({ target }) => {
    const seq =
      target instanceof Element ? target.closest<HTMLElement>("[data-seq]")?.dataset["seq"] : undefined;
    const index = entries.findIndex((entry) => String(entry.seq) === seq);
    if (index >= 0) pick(index);
  });
  box.addEventListener("keydown", (event) => {
    const at = entries.findIndex(({ seq }) => seq === selection.entry?.seq);
    const index = at < 0 ? entries.length - 1 : at;
    const page = list.rowsPerPage();
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: at < 0 ? index : index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: entries.length - 1,
    };
    const next = steps[event.key];
    if (next === undefined) return;
    event.preventDefault();
    pick(next);
  });
  function toNewest(): void {
    following = true;
    list.scrollToEnd();
  }

  follow.addEventListener("click", toNewest);
  filter.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (filter.value === "") filter.blur();
    filter.value = "";
    redraw();
  });
  for (const input of [filter, only, transitions, messages]) input?.addEventListener("input", redraw);
  new ResizeObserver(() => {
    boxWidth = box.clientWidth;
    drawLanes();
    redraw();
  }).observe(box);

  return {
    render(view, chosen) {
      selection = chosen;
      subjects = view.actors;
      const before = entries;
      entries = fittingEntries(view.entries, {
        text: filter.value,
        only: only?.checked === true ? chosen.key : "",
        transitions: transitions?.checked === true,
        messages: messages?.checked === true,
      });
      const next = lanesOf(entries, order);
      if (next.join() !== lanes.join()) {
        lanes = next;
        drawLanes();
      }
      const anchor = following ? null : anchorOf(before);
      list.draw(entries.length, anchor === null);
      if (anchor !== null) keepInPlace(anchor);
      follow.hidden = following || entries.length === 0;
      setText(
        shown,
        entries.length === view.entries.length ? "" : `${entries.length} of ${view.entries.length}`,
      );
      empty.hidden = entries.length > 0;
      setText(empty, view.entries.length === 0 ? "Nothing has happened yet." : "No event fits the filter.");
    },
    focusFilter() {
      filter.focus();
      filter.select();
    },
    follow: toNewest,
  };
}

/** Of so many lanes that no room for the last one's text is left beside them, all are narrower and none is out of sight. */
function laneWidthIn(boxWidth: number, lanes: number): number {
  const [all, besideText] = [boxWidth - timeWidth, boxWidth - timeWidth - textWidth].map((room) =>
    Math.floor(room / Math.max(1, lanes)),
  ) as [number, number];
  return Math.min(widestLane, Math.max(narrowestLane, besideText, Math.min(usualLane, all)));
}

function place(
  arrow: HTMLElement,
  { left, width, kind }: { readonly left: number; readonly width: number; readonly kind: string },
): void {
  arrow.style.left = `${left}px`;
  arrow.style.width = `${width}px`;
  arrow.dataset["arrow"] = kind;
}

function isAbout(entry: FeedEntry, key: string): boolean {
  return entry.kind === "transition" ? entry.key === key : entry.target === key || entry.source === key;
}
