import type { InspectorChart } from "../../inspector-charts.ts";
import { pressureOf } from "../actors/tree.ts";
import { part, setAttributes, setText } from "../dom/dom.ts";
import { span, timeOfDay } from "../dom/text.ts";
import type { View } from "../model/model.ts";
import type { Seen } from "../model/selection.ts";

export interface StateView {
  render(view: View, seen: Seen | null, chart: InspectorChart | undefined): void;
}

/** The line above the chart: the machine, its state, for how long, and how much of its time limit that is. */
export function createStateView(backToNow: () => void): StateView {
  const [machine, subject, state, held, limit, meter, fill] = (
    ["machine", "subject", "state", "held", "limit", "meter", "meter-fill"] as const
  ).map((id) => part(id, HTMLElement)) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ];
  const toNow = part("to-now", HTMLButtonElement);
  toNow.addEventListener("click", backToNow);

  function showPast(past: NonNullable<Seen["past"]>): void {
    setText(held, `as of ${timeOfDay(past.at)}`);
    setText(limit, "");
    meter.hidden = true;
  }

  function showNow(view: View, { actor, paths }: Seen, chart: InspectorChart | undefined): void {
    const now = view.now();
    setText(held, actor.ended === true ? "ended" : `for ${span(now - actor.since)}`);
    meter.hidden = actor.limit === null || actor.ended === true;
    const about = aboutOf(paths, chart);
    if (actor.error !== undefined) setText(limit, actor.error);
    else if (actor.limit === null) setText(limit, about === "" ? "no limit" : `no limit: ${about}`);
    else {
      const overMs = now - actor.limit.since - actor.limit.ms;
      const used = Math.max(0, 1 + overMs / actor.limit.ms);
      fill.style.width = `${Math.min(100, used * 100)}%`;
      setAttributes(meter, {
        "data-pressure": pressureOf(actor, now),
        "aria-valuenow": Math.round(Math.min(1, used) * 100),
      });
      const over = overMs > 0 ? `, over by ${span(overMs)}` : "";
      setText(limit, `limit ${span(actor.limit.ms)}${over}${about === "" ? "" : `: then ${about}`}`);
    }
  }

  return {
    render(view, seen, chart) {
      toNow.hidden = seen === null || seen.past === null;
      setText(toNow, view.recorded ? "Back to the moment" : "Back to now");
      if (seen === null) return;
      const { actor } = seen;
      setText(machine, actor.machine);
      const id = actor.actor === actor.machine || /^\d+\./.test(actor.actor) ? "" : actor.actor;
      subject.title = actor.subject;
      setText(subject, [id, actor.subject].filter((part) => part !== "").join("  "));
      setText(state, seen.state);
      setAttributes(state, { "data-past": seen.past !== null });
      setAttributes(state, { "data-pressure": seen.past === null ? pressureOf(actor, view.now()) : "none" });
      if (seen.past === null) showNow(view, seen, chart);
      else showPast(seen.past);
    },
  };
}

/** What the limit of the innermost state that says something means. */
function aboutOf(paths: readonly string[], chart: InspectorChart | undefined): string {
  const states = chart?.chart.states ?? [];
  const telling = states.filter(
    ({ path, about }) =>
      about !== undefined && paths.some((lit) => lit === path || lit.startsWith(`${path}.`)),
  );
  return telling.at(-1)?.about ?? "";
}
