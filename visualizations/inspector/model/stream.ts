import type { FeedFrame, WireRecording } from "../../../src/observe/inspector/feed-messages.ts";

export type StreamState =
  | { readonly kind: "live" }
  | { readonly kind: "connecting" }
  | { readonly kind: "away"; readonly because: string };

/** The daemon says something at least every five seconds. */
const silenceMs = 12_000;
const retryMs = 1500;

/** What a daemon tells, or what headcnictl replays of one. */
export type StreamFrame = FeedFrame | WireRecording;

/** Follows the frames for as long as the page lives; connects again by itself. */
export function followStream(
  told: (frame: StreamFrame) => void,
  changed: (state: StreamState) => void,
): void {
  let teller = "the daemon";

  async function follow(): Promise<string> {
    const abort = new AbortController();
    let timer = setTimeout(() => abort.abort(), silenceMs);
    try {
      const response = await fetch("inspect/stream", { signal: abort.signal });
      if (!response.ok || response.body === null) return await refusal(response);
      changed({ kind: "live" });
      for await (const data of events(response.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(), silenceMs);
        const frame = JSON.parse(data) as StreamFrame;
        if (frame.type === "recording") teller = "headcnictl replay";
        told(frame);
      }
      return `${teller} ended`;
    } catch {
      return `${teller} does not answer`;
    } finally {
      clearTimeout(timer);
    }
  }

  async function forEver(): Promise<void> {
    changed({ kind: "connecting" });
    for (;;) {
      const because = await follow();
      changed({ kind: "away", because });
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  void forEver();
}

async function refusal(response: Response): Promise<string> {
  const answer = (await response.json().catch(() => ({}))) as { readonly error?: string };
  return answer.error ?? `the daemon answered ${response.status}`;
}

/** The data of each server-sent event. A frame is one line. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = decoder.decode(value, { stream: true }).split("\n");
    for (const [index, line] of lines.entries()) {
      rest.push(line);
      if (index === lines.length - 1) break;
      const whole = rest.join("");
      rest = [];
      if (whole.startsWith("data: ")) yield whole.slice("data: ".length);
    }
  }
}
