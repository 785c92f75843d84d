import type { Browser, Page } from "playwright-core";
import type { FeedActor } from "../../../src/observe/inspector/feed-messages.ts";
import { openChromium } from "./chromium.ts";
import { tcpToSocket } from "./tcp-to-socket.ts";

/** The inspector of a daemon in a real browser, and what the page knows. */
export interface InspectorPage {
  readonly page: Page;
  readonly browser: Browser;
  readonly url: string;
  /** Errors of the page so far, those of its console included. */
  problems(): readonly string[];
  /** Number of the newest entry drawn. */
  seq(): Promise<number>;
  /** Machines that run, and the last that was heard of those that ended. */
  actors(): Promise<readonly FeedActor[]>;
  finals(): Promise<readonly FeedActor[]>;
  /** Milliseconds from each drawn transition in the daemon until it stood on the page; forgets them. */
  latencies(): Promise<readonly number[]>;
  /** Bytes of the page's live objects, after a collection of garbage. */
  heapBytes(): Promise<number>;
  close(): Promise<void>;
}

/** Runs in the page before its own script: keeps what the page says after each drawing. */
const probe = `
  globalThis.probe = { seq: 0, latencies: [], view: null };
  document.addEventListener("inspector.drawn", ({ detail }) => {
    const { probe } = globalThis;
    const { entries } = detail.view;
    const first = probe.view === null;
    for (let index = entries.length - 1; index >= 0 && !first; index -= 1) {
      if (entries[index].seq <= probe.seq) break;
      if (entries[index].kind === "transition") probe.latencies.push(Date.now() - entries[index].at);
    }
    probe.latencies.splice(0, probe.latencies.length - 20000);
    probe.seq = detail.seq;
    probe.view = detail.view;
  });
`;

/** Opens /inspect of the daemon behind a unix socket. */
export async function openInspectorPage(httpSocket: string): Promise<InspectorPage> {
  const browser = await openChromium();
  const forward = await tcpToSocket(httpSocket);
  const problems: string[] = [];
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.addInitScript(probe);
  const url = `http://127.0.0.1:${forward.port}/inspect`;
  await page.goto(url);
  await page.waitForSelector('#stream[data-kind="live"]');
  await page.waitForFunction("globalThis.probe.view !== null");
  return {
    page,
    browser,
    url,
    problems: () => problems,
    seq: () => page.evaluate<number>("globalThis.probe.seq"),
    actors: () => page.evaluate<FeedActor[]>("[...globalThis.probe.view.actors.values()]"),
    finals: () => page.evaluate<FeedActor[]>("[...globalThis.probe.view.finals.values()]"),
    latencies: () => page.evaluate<number[]>("globalThis.probe.latencies.splice(0)"),
    async heapBytes() {
      const session = await page.context().newCDPSession(page);
      await session.send("HeapProfiler.collectGarbage");
      const { usedSize } = await session.send("Runtime.getHeapUsage");
      await session.detach();
      return usedSize;
    },
    async close() {
      await browser.close();
      forward.close();
    },
  };
}
