import { visible } from "../../protocol/visible-text.ts";

/** Says on stderr what takes longer than a second. */
export interface Progress {
  /** The step that runs now; printed once it has taken a second. */
  step(text: string): void;
  /** Takes the line away on a terminal. */
  end(): void;
}

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** On a terminal one line is rewritten, elsewhere each step is a line of its own. */
  readonly isTerminal: boolean;
}

const quietMs = 1000;

export function createProgress({ write, isTerminal }: ProgressOptions): Progress {
  let timer: NodeJS.Timeout | undefined;
  let shown = false;
  const clear = () => {
    clearTimeout(timer);
    if (shown && isTerminal) write("\r\u001b[K");
    shown = false;
  };
  return {
    step(text) {
      const wasShown = shown;
      clear();
      const show = () => {
        shown = true;
        write(`${visible(text)} ...${isTerminal ? "" : "\n"}`);
      };
      // Once the person was told to wait, the next step is news at once.
      if (wasShown && isTerminal) show();
      else timer = setTimeout(show, quietMs).unref();
    },
    end: clear,
  };
}
