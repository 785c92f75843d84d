import { element, part, setAttributes, setText } from "../dom/dom.ts";
import { shortSpan, shortSubject } from "../dom/text.ts";
import { createVirtualList } from "../dom/virtual-list.ts";
import type { View } from "../model/model.ts";
import { pressureOf, type Show, type TreeRow, treeRows } from "./tree.ts";

const rowHeight = 26;
const flashMs = 700;
const twigs = { open: "▾", closed: "▸" };

export interface TreeView {
  render(view: View, selected: string): void;
  focusSearch(): void;
}

/** The tree of machines: a list of rows of which only the visible exist, driven by keys as the ARIA tree pattern says. */
export function createTreeView(choose: (key: string) => void, redraw: () => void): TreeView {
  const box = part("tree", HTMLElement);
  const search = part("search", HTMLInputElement);
  const show = part("show", HTMLSelectElement);
  const empty = part("tree-empty", HTMLElement);
  const closed = new Set<string>();
  let rows: readonly TreeRow[] = [];
  let selected = "";
  let now = 0;

  const list = createVirtualList(box, rowHeight, {
    make: () =>
      element(
        "div",
        { class: "row", role: "treeitem" },
        element("span", { class: "twig", "aria-hidden": "true" }),
        element("span", { class: "dot", "aria-hidden": "true" }),
        element("span", { class: "name" }),
        element("span", { class: "at" }),
        element("span", { class: "held mono" }),
      ),
    fill: fillRow,
  });

  function fillRow(row: HTMLElement, index: number): void {
    const entry = rows[index];
    if (entry === undefined) return;
    const { actor, level, hasChildren, open, beside } = entry;
    const ended = actor.ended === true;
    const [twig, dot, name, at, held] = row.children;
    if (!twig || !dot || !name || !at || !held) return;
    setAttributes(row, {
      id: `row-${actor.key}`,
      "data-key": actor.key,
      "aria-level": level,
      "aria-selected": String(actor.key === selected),
      "aria-expanded": hasChildren ? String(open) : undefined,
      "aria-setsize": rows.length,
      "aria-posinset": index + 1,
      "data-beside": beside,
      "data-ended": ended,
      "data-fresh": now - actor.since < flashMs && !ended,
      title: `${[actor.machine, `(${actor.actor})`, actor.subject].filter((word) => word !== "").join(" ")}: ${actor.state}`,
    });
    row.style.setProperty("--level", String(level));
    setText(twig, hasChildren ? twigs[open ? "open" : "closed"] : "");
    setAttributes(dot, { "data-pressure": pressureOf(actor, now) });
    setText(name, nameOf(entry));
    setText(at, actor.error === undefined ? actor.state : "failed");
    setText(held, ended ? "ended" : shortSpan(now - actor.since));
  }

  function move(to: number): void {
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
    if (row === undefined) return;
    choose(row.actor.key);
    list.reveal(rows.indexOf(row));
  }

  function toggle(key: string, open: boolean): void {
    if (open) closed.delete(key);
    else closed.add(key);
    redraw();
  }

  function sideways(index: number, open: boolean): void {
    const row = rows[index];
    if (row === undefined) return;
    if (row.hasChildren && row.open !== open) toggle(row.actor.key, open);
    else if (open) move(index + 1);
    else move(rows.findIndex(({ actor }) => actor.key === row.actor.parent));
  }

  box.addEventListener("keydown", (event) => {
    const index = rows.findIndex(({ actor }) => actor.key === selected);
    const page = list.rowsPerPage();
    const keys: Readonly<Record<string, () => void>> = {
      ArrowDown: () => move(index + 1),
      ArrowUp: () => move(index - 1),
      PageDown: () => move(index + page),
      PageUp: () => move(index - page),
      Home: () => move(0),
      End: () => move(rows.length - 1),
      ArrowRight: () => sideways(index, true),
      ArrowLeft: () => sideways(index, false),
    };
    const act = keys[event.key];
    if (act === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  box.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element)) return;
    const key = target.closest<HTMLElement>("[data-key]")?.dataset["key"];
    const row = rows.find(({ actor }) => actor.key === key);
    if (row === undefined || key === undefined) return;
    if (target.classList.contains("twig") && row.hasChildren) toggle(key, !row.open);
    else choose(key);
  });
  search.addEventListener("input", redraw);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      box.focus();
      // After the rows of the search as it now is have been drawn.
      redraw();
      requestAnimationFrame(() => move(rows.findIndex(({ beside }) => !beside)));
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (search.value === "") search.blur();
      search.value = "";
      redraw();
    }
  });
  show.addEventListener("change", redraw);

  return {
    render(view, key) {
      now = view.now();
      selected = key;
      const wanted = { search: search.value, show: show.value as Show, closed, now };
      rows = treeRows(view.actors, wanted);
      list.draw(rows.length);
      setAttributes(box, { "aria-activedescendant": key === "" ? undefined : `row-${key}` });
      empty.hidden = rows.length > 0;
      setText(
        empty,
        view.actors.size === 0
          ? "Waiting for the daemon."
          : search.value === ""
            ? "No machine is in that condition."
            : `No machine fits “${search.value}”. Escape clears the search.`,
      );
    },
    focusSearch() {
      search.focus();
      search.select();
    },
  };
}

function nameOf({ actor }: TreeRow): string {
  if (actor.subject !== "") return `${actor.machine} ${shortSubject(actor.subject)}`;
  // An id that XState made up ("0.tailscale.up") says nothing.
  const telling = actor.actor !== actor.machine && !/^\d+\./.test(actor.actor);
  return telling ? `${actor.machine} ${actor.actor}` : actor.machine;
}
