import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeOf } from "../lab/lab-store.ts";
import { openChromium } from "./support/chromium.ts";
import { tcpToSocket } from "./support/tcp-to-socket.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 1, config: { "monitoring.inspector": true } });
const opened: { browser?: Browser; page?: Page; forward?: Awaited<ReturnType<typeof tcpToSocket>> } = {};
const problems: string[] = [];

function page(): Page {
  if (opened.page === undefined) throw new Error("the page is open only while tests run");
  return opened.page;
}

beforeAll(async () => {
  opened.browser = await openChromium();
  opened.forward = await tcpToSocket(nodeOf(lab(), "n1").httpSocket);
  opened.page = await opened.browser.newPage({ viewport: { width: 1280, height: 800 } });
  opened.page.on("pageerror", (error) => problems.push(error.message));
  opened.page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await opened.page.goto(`http://127.0.0.1:${opened.forward.port}/inspect`, { timeout: 60_000 });
});

afterAll(async () => {
  await opened.browser?.close();
  opened.forward?.close();
});

test("the page is live and shows the root machine with its state lit", async () => {
  await page().waitForSelector('#stream[data-kind="live"]', { timeout: 60_000 });
  await page().waitForSelector('.chart .box[data-lit="now"]', { timeout: 60_000 });
  expect(await page().textContent("#machine")).toBe("headcni");
  expect(problems).toEqual([]);
});
