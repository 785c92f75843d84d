import { version } from "../../protocol/version.ts";
import type { Logger } from "../logs/logger.ts";
import type { LiveMachines } from "../machines/live-machine.ts";
import { type HttpAnswer, jsonAnswer } from "../pages/http-routes.ts";
import { createInspector, type Inspector } from "./inspector.ts";
import { loadPageFiles } from "./page-files.ts";
import { stayMinutes } from "./stay-minutes.ts";

/** An inspector that can be switched on while the machines run, which do not notice. */
export interface InspectorSwitch extends Inspector {
  /** Switches it on, or has it stay longer: `?minutes=` from 1 to 120. Answers with when it goes off at the latest. */
  switchOn(url: URL): Promise<HttpAnswer>;
}

export interface InspectorOptions {
  readonly node: string;
  readonly log: Logger;
  readonly redact: (line: string) => string;
  readonly machines: LiveMachines;
  /** On from the start, and for good. */
  readonly always: boolean;
  /** How long it stays on without a viewer. */
  readonly idleMs?: number;
}

const usualIdleMs = 5 * 60_000;

/**
 * Off, it costs a look at a variable per event and holds nothing, the page neither. Who switches it on late sees the machines
 * as they are, for the baseline comes from the observer, which always watches; messages it has from then on.
 */
export async function openInspector(options: InspectorOptions): Promise<InspectorSwitch> {
  const { node, log, redact, machines, always, idleMs = usualIdleMs } = options;
  let current: Inspector | undefined;
  let opening: Promise<void> | undefined;
  let latest: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;
  let viewers = 0;

  function switchOff(reason: string): void {
    clearTimeout(latest);
    clearTimeout(idle);
    if (current === undefined) return;
    current.close();
    current = undefined;
    log.info({ reason }, "inspector switched off");
  }

  /** Its time without a viewer begins anew. */
  function watched(count: number): void {
    viewers = count;
    clearTimeout(idle);
    if (count === 0 && !always && current !== undefined)
      idle = setTimeout(() => switchOff("nobody watches"), idleMs).unref();
  }

  /** Without the page (an incomplete installation) there is a warning and no inspector. */
  async function open(): Promise<void> {
    try {
      const files = await loadPageFiles();
      const broke = (error: unknown) => log.error({ err: error }, "inspector disabled");
      const daemon = { node, version, pid: process.pid };
      current = createInspector({ daemon, machines, redact, broke }, files, watched);
    } catch (error) {
      log.warn({ err: error }, "no inspector: its page is not part of this installation");
    }
  }

  if (always) await open();
  return {
    listener: (machine, change) => current?.listener(machine, change),
    inspect: (event) => current?.inspect(event),
    handler: (request, response, url) => current?.handler(request, response, url) ?? false,
    async switchOn(url) {
      const { min, max, usual } = stayMinutes;
      const minutes = Number(url.searchParams.get("minutes") ?? usual);
      if (!Number.isInteger(minutes) || minutes < min || minutes > max)
        return jsonAnswer(400, { error: `minutes must be a whole number from ${min} to ${max}` });
      if (always) return jsonAnswer(200, { until: null, idleMinutes: null });
      if (current === undefined) {
        opening ??= open();
        await opening;
        opening = undefined;
      }
      if (current === undefined)
        return jsonAnswer(503, { error: "the inspector's page is not part of this installation" });
      const until = new Date(Date.now() + minutes * 60_000).toISOString();
      clearTimeout(latest);
      latest = setTimeout(() => switchOff("its time is over"), minutes * 60_000).unref();
      watched(viewers);
      log.info({ until }, "inspector switched on");
      return jsonAnswer(200, { until, idleMinutes: idleMs / 60_000 });
    },
    close: () => switchOff("the program ends"),
  };
}
