import type { FeedBaseline, WireRecording } from "../../../src/observe/inspector/feed-messages.ts";
import { element, part, setAttributes, setText } from "../dom/dom.ts";
import { dateAndTime, span } from "../dom/text.ts";
import type { View } from "../model/model.ts";

export interface MomentSlider {
  /** The page is over a recording: shows its last moment. */
  open(recording: WireRecording): void;
  /** As it was at the chosen moment; undefined over a daemon, and until the first moment came. */
  view(): View | undefined;
  /** To the entry before or after the moment. */
  step(by: -1 | 1): void;
}

/** Where something failed. */
export type Failure = WireRecording["failures"][number];

/**
 * The slider through a recording's time, with a mark where something failed. `moved` hears that the view is of another moment, and of
 * which failure if that is what the person went to.
 */
export function createMomentSlider(moved: (view: View, failure: Failure | undefined) => void): MomentSlider {
  const bar = part("moments", HTMLElement);
  const slider = part("moment", HTMLInputElement);
  const marks = part("failures", HTMLElement);
  const [time, left] = [part("moment-time", HTMLElement), part("moment-left", HTMLElement)];
  const button = (id: string) => part(id, HTMLButtonElement);
  let recording: WireRecording | undefined;
  let moment: FeedBaseline | undefined;
  let view: View | undefined;
  /** What to ask for next: of many moments that a drag passes only the last one. */
  let wanted: { readonly at: number } | { readonly seq: number; readonly failure?: Failure } | undefined;
  let asking = false;

  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    while (wanted !== undefined) {
      const asked = wanted;
      wanted = undefined;
      const next = await fetchMoment("at" in asked ? `at=${asked.at}` : `seq=${asked.seq}`);
      // The page stays as it is; its stream says that nobody answers.
      if (next === undefined) continue;
      // The person may be dragging the slider: only a moment that was not chosen by it moves it.
      if ("seq" in asked) slider.value = String(next.now);
      show(next, "seq" in asked ? asked.failure : undefined);
    }
    asking = false;
  }

  function go(to: NonNullable<typeof wanted>): void {
    wanted = to;
    void ask();
  }

  function show(next: FeedBaseline, failure: Failure | undefined): void {
    const seen = viewOf(next);
    moment = next;
    view = seen;
    setText(time, dateAndTime(next.now));
    slider.setAttribute("aria-valuetext", dateAndTime(next.now));
    const rest = (recording?.to ?? next.now) - next.now;
    setText(left, rest <= 0 ? "the end" : `${span(rest)} before the end`);
    const { failures = [], firstSeq = 0, lastSeq = 0 } = recording ?? {};
    button("step-back").disabled = next.seq < firstSeq;
    button("step-on").disabled = next.seq >= lastSeq;
    button("failure-back").disabled = !failures.some(({ seq }) => seq < next.seq);
    button("failure-on").disabled = !failures.some(({ seq }) => seq > next.seq);
    moved(seen, failure);
  }

  function step(by: -1 | 1): void {
    if (recording === undefined || moment === undefined) return;
    const { firstSeq, lastSeq } = recording;
    go({ seq: Math.max(firstSeq - 1, Math.min(lastSeq, moment.seq + by)) });
  }

  function toFailure(by: -1 | 1): void {
    const { failures = [] } = recording ?? {};
    const now = moment?.seq ?? 0;
    const found = by > 0 ? failures.find(({ seq }) => seq > now) : failures.findLast(({ seq }) => seq < now);
    if (found !== undefined) go({ seq: found.seq, failure: found });
  }

  slider.addEventListener("input", () => go({ at: Number(slider.value) }));
  button("step-back").addEventListener("click", () => step(-1));
  button("step-on").addEventListener("click", () => step(1));
  button("failure-back").addEventListener("click", () => toFailure(-1));
  button("failure-on").addEventListener("click", () => toFailure(1));

  return {
    open(next) {
      const again = recording !== undefined;
      recording = next;
      if (again) return;
      const { from, to, failures, lastSeq } = next;
      bar.hidden = false;
      setAttributes(slider, { min: from, max: Math.max(to, from + 1) });
      slider.value = String(to);
      const drawn = failures.map(({ at }) => {
        const mark = element("i");
        mark.style.left = `${((at - from) / Math.max(1, to - from)) * 100}%`;
        return mark;
      });
      marks.replaceChildren(...drawn);
      go(to > from ? { at: to } : { seq: lastSeq });
    },
    view: () => view,
    step,
  };
}

/** Undefined where it does not come. */
async function fetchMoment(query: string): Promise<FeedBaseline | undefined> {
  const response = await fetch(`inspect/moment?${query}`).catch(() => undefined);
  return response?.ok === true ? ((await response.json()) as FeedBaseline) : undefined;
}

function viewOf({ daemon, actors, entries, now }: FeedBaseline): View {
  return {
    recorded: true,
    daemon,
    actors: new Map(actors.map((actor) => [actor.key, actor])),
    entries,
    finals: new Map(),
    missing: 0,
    now: () => now,
  };
}
