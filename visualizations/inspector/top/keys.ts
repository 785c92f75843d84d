import { part } from "../dom/dom.ts";

/** What keys do anywhere on the page. */
export interface KeyActions {
  search(): void;
  filter(): void;
  pause(): void;
  zoom(by: "in" | "out" | "fit"): void;
  /** Back to what is now. */
  back(): void;
  /** To the entry before or after, in a recording. */
  step(by: -1 | 1): void;
}

/** Listens for keys; not while somebody types into a field. */
export function handleKeys(actions: KeyActions): void {
  const dialog = part("keys", HTMLDialogElement);
  const help = () => dialog.showModal();
  part("help", HTMLButtonElement).addEventListener("click", help);
  const keys: Readonly<Record<string, () => void>> = {
    "/": actions.search,
    e: actions.filter,
    " ": actions.pause,
    f: () => actions.zoom("fit"),
    "+": () => actions.zoom("in"),
    "=": () => actions.zoom("in"),
    "-": () => actions.zoom("out"),
    ",": () => actions.step(-1),
    ".": () => actions.step(1),
    "?": help,
    Escape: actions.back,
  };
  document.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (act === undefined || dialog.open || event.ctrlKey || event.altKey || event.metaKey) return;
    const { target } = event;
    if (target instanceof HTMLInputElement && target.type !== "checkbox" && event.key !== "Escape") return;
    // Space presses buttons, boxes and summaries.
    const pressable = target instanceof Element && target.closest("button, summary, select, input") !== null;
    if (event.key === " " && pressable) return;
    event.preventDefault();
    act();
  });
}
