import { pressureOf } from "../actors/tree.ts";
import { element, part, setAttributes, setText } from "../dom/dom.ts";
import { type Model, transitionsPerSecond, type View } from "../model/model.ts";
import type { StreamState } from "../model/stream.ts";

export interface HeaderView {
  render(view: View): void;
  streamChanged(state: StreamState): void;
  togglePause(): void;
}

/** Which node this is, whether the page is live, the numbers, and the button that stops time. */
export function createHeaderView(model: Model, redraw: () => void): HeaderView {
  const stream = part("stream", HTMLElement);
  const node = part("node", HTMLElement);
  const pause = part("pause", HTMLButtonElement);
  const number = (name: string) => part(`count-${name}`, HTMLElement);
  const numbers = {
    machines: number("machines"),
    over: number("over"),
    failed: number("failed"),
    transitions: number("transitions"),
    missing: number("missing"),
  };
  let state: StreamState = { kind: "connecting" };
  let recorded = false;

  function showStream(): void {
    const kind = model.paused() ? "paused" : recorded && state.kind === "live" ? "recording" : state.kind;
    setAttributes(stream, { "data-kind": kind });
    setText(
      stream,
      kind !== "paused" && state.kind === "away" ? `away: ${state.because}, trying again` : kind,
    );
  }

  function showDaemon({ node: name, version, pid }: NonNullable<View["daemon"]>, problems: number): void {
    if (node.dataset["pid"] !== String(pid)) {
      node.dataset["pid"] = String(pid);
      node.replaceChildren(element("strong", {}, name), ` ${version}, pid ${pid}`);
    }
    const title = `${problems > 0 ? `(${problems}) ` : ""}${name} · HeadCNI inspector`;
    if (document.title !== title) document.title = title;
  }

  function togglePause(): void {
    // A recording stands still anyway.
    if (recorded) return;
    model.pause(!model.paused());
    const paused = model.paused();
    document.body.dataset["paused"] = String(paused);
    setAttributes(pause, { "aria-pressed": String(paused) });
    setText(pause, paused ? "Go on" : "Pause");
    showStream();
    redraw();
  }

  pause.addEventListener("click", togglePause);

  return {
    render(view) {
      if (view.recorded !== recorded) {
        recorded = view.recorded;
        pause.hidden = recorded;
        showStream();
      }
      const { live, over, failed } = countActors(view);
      setText(numbers.machines, String(live));
      setText(numbers.over, String(over));
      setText(numbers.failed, String(failed));
      setText(numbers.transitions, String(transitionsPerSecond(view)));
      setText(numbers.missing, String(view.missing));
      setAttributes(numbers.over, { "data-bad": over > 0 });
      setAttributes(numbers.failed, { "data-bad": failed > 0 });
      if (view.daemon !== null) showDaemon(view.daemon, over + failed);
    },
    streamChanged(next) {
      state = next;
      showStream();
      redraw();
    },
    togglePause,
  };
}

function countActors(view: View): { readonly live: number; readonly over: number; readonly failed: number } {
  const now = view.now();
  const pressures = [...view.actors.values()]
    .filter(({ ended }) => ended !== true)
    .map((actor) => pressureOf(actor, now));
  const count = (wanted: string) => pressures.filter((pressure) => pressure === wanted).length;
  return { live: pressures.length, over: count("over"), failed: count("failed") };
}
