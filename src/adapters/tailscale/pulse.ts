import { setTimeout as delay } from "node:timers/promises";
import type { LocalApi } from "./local-api.ts";
import { readStatus } from "./read-status.ts";

const pulseMs = 2000;

/**
 * The bus says nothing when the map poll with control ends or begins (a health warning follows 10 s later), so this
 * looks at the small status every two seconds and calls `changed` when that differs. A tailscaled that hangs keeps its bus open, too:
 * silence is a difference like any other. Returns the way to end it.
 */
export function watchPulse(api: LocalApi, changed: () => void): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  void follow().catch(() => undefined);
  return () => ending.abort();

  async function follow(): Promise<void> {
    let last: string | undefined;
    for (;;) {
      const now = await look();
      if (signal.aborted) return;
      if (last !== undefined && now !== last) changed();
      last = now;
      await delay(pulseMs, undefined, { signal, ref: false });
    }
  }
  async function look(): Promise<string> {
    try {
      const answer = await api.call(
        { method: "GET", path: "status?peers=false", timeoutMs: pulseMs },
        signal,
      );
      const { backendState, self, loginWanted } = readStatus(answer).status;
      return `${backendState} ${self.online} ${loginWanted}`;
    } catch {
      // The reading that follows reports the trouble; this only hints.
      return "silent";
    }
  }
}
