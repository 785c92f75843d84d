import { version } from "../../version.ts";
import type { LiveMachine } from "../live-machine.ts";
import type { Logger } from "../logger.ts";
import { createInspector, type Inspector } from "./inspector.ts";
import { loadPageFiles } from "./page-files.ts";

/** Loads the page and makes the inspector. Without the page (an incomplete installation) there is a warning and none. */
export async function openInspector(options: {
  readonly node: string;
  readonly log: Logger;
  readonly redact: (line: string) => string;
  readonly live: () => Iterable<LiveMachine>;
}): Promise<Inspector | undefined> {
  const { node, log, redact, live } = options;
  try {
    const files = await loadPageFiles();
    return createInspector(
      {
        daemon: { node, version, pid: process.pid },
        live,
        redact,
        broke: (error) => log.error({ err: error }, "inspector disabled"),
      },
      files,
    );
  } catch (error) {
    log.warn({ err: error }, "no inspector: its page is not part of this installation");
    return undefined;
  }
}
