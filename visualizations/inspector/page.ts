import type { FeedActor } from "../../src/observe/inspector/feed-messages.ts";
import type { InspectorChart } from "../inspector-charts.ts";
import { createTreeView } from "./actors/tree-view.ts";
import { createChartView } from "./chart/chart-view.ts";
import { createStateView } from "./chart/state-view.ts";
import { createDetailsView } from "./details/details-view.ts";
import { part, setAttributes, setText } from "./dom/dom.ts";
import { createEventsView } from "./events/events-view.ts";
import { createModel, type View } from "./model/model.ts";
import { keyOf, type Selection, seen } from "./model/selection.ts";
import { followStream } from "./model/stream.ts";
import { createHeaderView } from "./top/header-view.ts";
import { handleKeys } from "./top/keys.ts";
import { createMomentSlider } from "./top/moment-slider.ts";

/** What the event "inspector.drawn" on the document says, after each drawing. */
export interface Drawn {
  /** Number of the newest entry that was drawn, and when it happened. */
  readonly seq: number;
  readonly at: number;
  readonly view: View;
}

async function start(): Promise<void> {
  const response = await fetch("inspect/charts.json");
  const charts = (await response.json()) as readonly InspectorChart[];
  const byMachine = new Map(charts.map((chart) => [chart.chart.machine, chart]));
  const model = createModel();
  let selection: Selection = { key: "", entry: null };
  let planned = false;

  function redraw(): void {
    if (planned) return;
    planned = true;
    // A page in the background draws nothing; its model goes on.
    requestAnimationFrame(draw);
  }

  function choose(next: Selection): void {
    selection = next;
    redraw();
  }

  const tree = createTreeView((key) => {
    details.leaveEvent();
    choose({ key, entry: null });
  }, redraw);
  const chart = createChartView();
  const state = createStateView(() => choose({ ...selection, entry: null }));
  const details = createDetailsView(redraw);
  const events = createEventsView(
    [...byMachine.keys()],
    (entry) => {
      choose({ key: keyOf(entry), entry });
      details.show("event");
    },
    redraw,
  );
  const header = createHeaderView(model, redraw);
  const slider = createMomentSlider(({ entries }, failure) => {
    events.follow();
    if (failure === undefined) choose({ ...selection, entry: null });
    else {
      const entry = entries.at(-1);
      const tells = entry !== undefined && keyOf(entry) === failure.key;
      choose({ key: failure.key, entry: tells ? entry : null });
      if (tells) details.show("event");
    }
  });

  function draw(): void {
    planned = false;
    model.sweep();
    const view = slider.view() ?? model.view();
    if (selection.key === "") {
      const first = firstChoice(view.actors);
      if (first !== undefined) selection = { key: first.key, entry: null };
    }
    const now = seen(view, selection);
    const chosen = now === null ? undefined : byMachine.get(now.actor.machine);
    tree.render(view, selection.key);
    chart.render(chosen, now);
    state.render(view, now, chosen);
    details.render(view, selection, now, chosen);
    events.render(view, selection);
    header.render(view);
    const newest = view.entries.at(-1);
    const detail: Drawn = { seq: newest?.seq ?? 0, at: newest?.at ?? 0, view };
    document.dispatchEvent(new CustomEvent("inspector.drawn", { detail }));
  }

  handleKeys({
    search: () => {
      showPane("tree");
      tree.focusSearch();
    },
    filter: () => {
      showPane("events");
      events.focusFilter();
    },
    pause: header.togglePause,
    zoom: chart.zoom,
    back: () => choose({ ...selection, entry: null }),
    step: slider.step,
  });
  for (const by of ["in", "out", "fit"] as const)
    part(`zoom-${by}`, HTMLButtonElement).addEventListener("click", () => chart.zoom(by));
  for (const button of paneButtons())
    button.addEventListener("click", () => showPane(button.dataset["pane"] ?? "chart"));
  showPane("chart");
  details.beginWith("context");
  followStream((frame) => {
    if (frame.type === "recording") {
      slider.open(frame);
      // It has no contexts.
      details.beginWith("history");
    } else model.apply(frame);
    redraw();
  }, header.streamChanged);
  // Times in states count on without anything happening.
  setInterval(redraw, 500);
}

/** What a newcomer sees first: the machine at the top. */
function firstChoice(actors: ReadonlyMap<string, FeedActor>): FeedActor | undefined {
  return [...actors.values()].find(({ parent }) => parent === null);
}

function paneButtons(): readonly HTMLButtonElement[] {
  return [...document.querySelectorAll<HTMLButtonElement>("#panes [data-pane]")];
}

/** On a narrow screen one pane is seen at a time. */
function showPane(pane: string): void {
  document.body.dataset["pane"] = pane;
  for (const button of paneButtons())
    setAttributes(button, { "aria-selected": String(button.dataset["pane"] === pane) });
}

start().catch((error: unknown) => {
  setText(part("stream", HTMLElement), `The page could not start: ${String(error)}`);
});
