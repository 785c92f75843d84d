import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";

/** The page that `headcnictl replay` serves, in a real browser. */
export interface ReplayedPage {
  readonly page: Page;
  /** Errors of the page so far, those of its console included. */
  readonly problems: readonly string[];
  /** Addresses that the page asked for. */
  readonly asked: readonly string[];
}

export async function openReplayedPage(browser: Browser, url: string): Promise<ReplayedPage> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const problems: string[] = [];
  const asked: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(url);
  await page.waitForSelector('#stream[data-kind="recording"]');
  return { page, problems, asked };
}

/** A busy machine draws late. */
export const shortly = <Found>(find: () => Promise<Found>) => expect.poll(find, { timeout: 60_000 });

/** The state of a machine as the tree shows it; undefined where there is no such row. */
export const stateIn = (page: Page, machine: string) =>
  page.evaluate<string | undefined>(
    `[...document.querySelectorAll("#tree .row:not([hidden])")].find((row) => row.querySelector(".name").textContent.startsWith(${JSON.stringify(machine)}))?.querySelector(".at").textContent`,
  );

const drawn = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";

/** Goes to the next failure, and gives the machine and the event that tell of it; undefined after the last. */
export async function nextFailure(page: Page): Promise<string | undefined> {
  if (!(await page.isEnabled("#failure-on"))) return undefined;
  const before = await page.textContent("#details");
  await page.click("#failure-on");
  await shortly(() => page.textContent("#details")).not.toBe(before);
  await page.evaluate(drawn);
  return `${await page.textContent("#machine")} ${await page.textContent("#details")}`;
}
