import type { ChartEdge } from "../../../machines/chart/machine-chart.ts";
import type { FeedDetails } from "../../../src/observe/inspector/feed-messages.ts";
import type { InspectorChart } from "../../inspector-charts.ts";
import { edgeText } from "../../layout/edge-text.ts";
import { element, part } from "../dom/dom.ts";
import { eventText, span, timeOfDay } from "../dom/text.ts";
import type { View } from "../model/model.ts";
import type { Seen, Selection } from "../model/selection.ts";
import { jsonView } from "./json-view.ts";

type Tab = "context" | "transitions" | "history" | "event";

/** The daemon is asked for a context at most this often. */
const askEveryMs = 700;
const historyShown = 60;

export interface DetailsView {
  render(view: View, selection: Selection, seen: Seen | null, chart: InspectorChart | undefined): void;
  show(tab: Tab): void;
  /** Shows the tab with which a look at a machine begins, now and from now on. */
  beginWith(tab: Tab): void;
  /** The person turned to a machine: an event's fields are no longer what they look at. */
  leaveEvent(): void;
}

interface Content {
  readonly key: string;
  readonly make: () => Node;
}

/** What is known of the selected machine beyond its chart: context, what its state takes, its transitions, an event's fields. */
export function createDetailsView(redraw: () => void): DetailsView {
  const box = part("details", HTMLElement);
  const tabs = [...document.querySelectorAll<HTMLButtonElement>("[data-tab]")];
  const folded = new Map<string, boolean>();
  let tab: Tab = "context";
  let first: Tab = tab;
  let drawn = "";
  let details: { readonly answer: FeedDetails | { readonly error: string }; readonly text: string } | null =
    null;
  let asked = { key: "", since: 0, at: 0, running: false };

  /** A daemon tells what is now; of a recording the page says the moment. */
  async function ask(key: string, since: number, seq: number): Promise<void> {
    asked = { key, since, at: performance.now(), running: true };
    try {
      const response = await fetch(`inspect/actor?key=${encodeURIComponent(key)}&seq=${seq}`);
      const text = await response.text();
      const answer = response.ok ? (JSON.parse(text) as FeedDetails) : { error: errorIn(text, response) };
      if (asked.key === key) details = { answer, text };
    } catch {
      if (asked.key === key) details = { answer: { error: "the daemon does not answer" }, text: "away" };
    }
    asked = { ...asked, running: false };
    redraw();
  }

  /** Asks again once the machine moved; between transitions its context may change, too. */
  function refresh(seen: Seen, { entries }: View, paused: boolean): void {
    const { key, since, ended } = seen.actor;
    if (key !== asked.key) details = null;
    if (asked.running || (paused && key === asked.key) || (ended === true && key === asked.key)) return;
    const old = performance.now() - asked.at;
    if (key !== asked.key || (since !== asked.since && old > askEveryMs) || old > 3000)
      void ask(key, since, entries.at(-1)?.seq ?? 0);
  }

  /** The tab's content: `key` says whether what stands there already is the same. */
  function put({ key, make }: Content): void {
    if (key === drawn) return;
    drawn = key;
    box.replaceChildren(make());
  }

  function contextOf(seen: Seen, recorded: boolean): Content {
    if (recorded) return note("recorded", "A recording keeps states and events, no contexts.");
    if (seen.past !== null)
      return note(`past ${seen.past.seq}`, "The daemon keeps no earlier contexts. Escape goes back to now.");
    if (details === null) return note(`wait ${seen.actor.key}`, "Asking the daemon.");
    const { answer, text } = details;
    if ("error" in answer) return note(text, `No context: ${answer.error}.`);
    const effects = answer.effects.length === 0 ? "" : `runs ${answer.effects.join(", ")}`;
    return {
      key: text,
      make: () =>
        element("div", {}, element("p", { class: "effects" }, effects), jsonView(answer.context, folded)),
    };
  }

  function showTab(next: Tab): void {
    tab = next;
    for (const button of tabs) {
      const chosen = button.dataset["tab"] === tab;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    redraw();
  }

  for (const button of tabs) button.addEventListener("click", () => showTab(button.dataset["tab"] as Tab));
  tabs[0]?.parentElement?.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const at = tabs.findIndex((button) => button.dataset["tab"] === tab);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    next?.focus();
    showTab(next?.dataset["tab"] as Tab);
  });

  function contentOf(
    view: View,
    selection: Selection,
    seen: Seen | null,
    chart: InspectorChart | undefined,
  ): Content {
    if (tab === "event")
      return {
        key: `event ${selection.entry?.seq ?? ""}`,
        make: () => eventOf(selection, folded, view.recorded),
      };
    if (seen === null) return note("none", "Choose a machine.");
    if (tab === "context") return contextOf(seen, view.recorded);
    if (tab === "transitions")
      return {
        key: `transitions ${seen.actor.machine} ${seen.paths.join()}`,
        make: () => transitionsOf(seen, chart),
      };
    const told = details !== null && "transitions" in details.answer ? details.answer.transitions : [];
    const transitions = historyOf(view, seen.actor.key, told);
    return {
      key: `history ${seen.actor.key} ${transitions[0]?.at ?? ""} ${transitions.length}`,
      make: () => historyTable(transitions),
    };
  }

  return {
    render(view, selection, seen, chart) {
      if ((tab === "context" || tab === "history") && seen !== null)
        refresh(seen, view, document.body.dataset["paused"] === "true");
      put(contentOf(view, selection, seen, chart));
    },
    leaveEvent() {
      if (tab === "event") showTab(first);
    },
    show: showTab,
    beginWith(next) {
      first = next;
      showTab(next);
    },
  };
}

/** What the daemon, or something on the way to it, says instead of an answer. */
function errorIn(text: string, { status }: Response): string {
  try {
    return (JSON.parse(text) as { readonly error?: string }).error ?? `the daemon answered ${status}`;
  } catch {
    return `the daemon answered ${status}`;
  }
}

function note(key: string, text: string): Content {
  return { key, make: () => empty(text) };
}

function empty(text: string): HTMLElement {
  return element("p", { class: "empty" }, text);
}

/** Every transition that the lit states have, innermost first. */
function transitionsOf({ paths }: Seen, chart: InspectorChart | undefined): HTMLElement {
  const states = chart?.chart.states ?? [];
  const sections = [...states]
    .filter(({ path }) => path === "" || paths.some((lit) => lit === path || lit.startsWith(`${path}.`)))
    .toSorted((one, other) => other.path.length - one.path.length)
    .map((state) => {
      const edges = (chart?.chart.edges ?? []).filter(({ from }) => from === state.path);
      return element(
        "section",
        {},
        element("h3", {}, state.path === "" ? "in any state" : state.path),
        element("p", { class: "quiet" }, state.about ?? ""),
        element("table", {}, ...edges.map(edgeRow)),
        edges.length === 0 ? element("p", { class: "quiet" }, "nothing") : "",
      );
    });
  return element("div", { class: "transitions" }, ...sections);
}

function edgeRow(edge: ChartEdge): HTMLElement {
  return element(
    "tr",
    { "data-kind": edge.kind },
    element("td", { class: "mono" }, edgeText(edge) || "at once"),
    element("td", {}, edge.moves ? `→ ${edge.to}` : "stays"),
  );
}

type Transition = FeedDetails["transitions"][number];

/** Newest first: what the page has seen, and before that what the daemon still knows. */
function historyOf(view: View, key: string, told: readonly Transition[]): readonly Transition[] {
  const transitions: Transition[] = [];
  for (let index = view.entries.length - 1; index >= 0 && transitions.length < historyShown; index -= 1) {
    const entry = view.entries[index];
    if (entry?.kind === "transition" && entry.key === key) transitions.push(entry);
  }
  const oldest = transitions.at(-1)?.at ?? Number.POSITIVE_INFINITY;
  return [...transitions, ...told.filter(({ at }) => at < oldest).toReversed()];
}

function historyTable(transitions: readonly Transition[]): HTMLElement {
  if (transitions.length === 0) return empty("No transition of this machine is kept.");
  const rows = transitions.map((transition, index) => {
    const before = transitions[index + 1];
    return element(
      "tr",
      {},
      element("td", { class: "mono quiet" }, timeOfDay(transition.at)),
      element(
        "td",
        {},
        transition.from === "" ? `began in ${transition.to}` : `${transition.from} → ${transition.to}`,
        element("div", { class: "quiet" }, eventText(transition.event)),
      ),
      element(
        "td",
        { class: "mono quiet" },
        before === undefined ? "" : `after ${span(transition.at - before.at)}`,
      ),
    );
  });
  return element("table", { class: "history" }, ...rows);
}

function eventOf({ entry }: Selection, folded: Map<string, boolean>, recorded: boolean): HTMLElement {
  if (entry === null) return empty("Choose an event below.");
  const rows: (readonly [string, string])[] =
    entry.kind === "transition"
      ? [
          ["machine", `${entry.machine} (${entry.actor})`],
          ["subject", entry.subject],
          ["from", entry.from],
          ["to", entry.to],
          ["because of", eventText(entry.event)],
          ["held", span(entry.heldMs)],
        ]
      : [
          ["event", entry.type],
          ["from", entry.source === null ? "outside" : `${entry.sourceMachine} (${entry.source})`],
          ["to", `${entry.targetMachine} (${entry.target})`],
          ["effect", entry.effect],
        ];
  const facts = [["time", timeOfDay(entry.at)] as const, ...rows, ["number", String(entry.seq)] as const]
    .filter(([, value]) => value !== "")
    .map(([name, value]) =>
      element("tr", {}, element("th", {}, name), element("td", { class: "mono" }, value)),
    );
  const data = entry.kind === "message" ? entry.data : undefined;
  const fields =
    entry.kind === "transition"
      ? ""
      : data === undefined
        ? empty(
            recorded
              ? "A recording keeps no fields but what a failure says."
              : "Its fields were not kept: nobody watched as it was sent.",
          )
        : jsonView(data, folded);
  return element("div", {}, element("table", { class: "facts" }, ...facts), fields);
}
