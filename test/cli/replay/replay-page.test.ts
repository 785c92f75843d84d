import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openChromium } from "../../e2e/support/chromium.ts";
import { openedPage, wantedOpening } from "../../e2e/support/opened-page.ts";
import { nextFailure, openReplayedPage, shortly, stateIn } from "../../e2e/support/replayed-page.ts";
import { exchange } from "../../support/cni-client.ts";
import { add } from "../../support/cni-requests.ts";
import { startLoneDaemon } from "../../support/lone-daemon.ts";
import { until } from "../../support/until.ts";
import { runWords } from "../run-words.ts";

/** An archive of a daemon that is gone: its Headscale was away, and the runtime asked for a pod whose sandbox did not exist. */
async function archiveOfFault(): Promise<string> {
  const daemon = await startLoneDaemon();
  const file = (name: string) => join(daemon.directory, name);
  await until(() => existsSync(file("cni.sock")), "the CNI socket");
  expect(await exchange(file("cni.sock"), add("ghost"))).toMatchObject({ ok: false, error: { code: 4 } });
  await until(() => daemon.log().includes("UNREACHABLE"), "Headscale to be away");
  const where = ["--socket", daemon.socketPath, "--config", file("config.yaml")];
  const ran = await runWords(["diagnostics", ...where, "--file", file("night.tar.gz")]);
  expect(ran).toMatchObject({
    exitCode: 0,
    stdout: expect.not.stringContaining("without recording.json") as string,
  });
  daemon.child.kill("SIGKILL");
  await daemon.exited;
  return file("night.tar.gz");
}

/** The address that `headcnictl replay` prints; it ends with the test. */
async function replay(archive: string): Promise<string> {
  const stopped = new AbortController();
  const told = Promise.withResolvers<string>();
  const running = runWords(["replay", archive, "-o", "json"], {
    signal: stopped.signal,
    heard: told.resolve,
  });
  onTestFinished(async () => {
    stopped.abort();
    expect(await running).toMatchObject({ exitCode: 0 });
  });
  return (JSON.parse(await told.promise) as { readonly url: string }).url;
}

test("the page leads through what a node did last night: to its failures, and to before them", async () => {
  const url = await replay(await archiveOfFault());
  const browser = await openChromium();
  onTestFinished(() => browser.close());
  const { page, problems, asked } = await openReplayedPage(browser, url);
  expect(await page.textContent("#node")).toMatch(/^n1 /);
  expect(await page.isVisible("#pause")).toBe(false);
  // The end: the daemon serves, Headscale is away.
  await shortly(() => stateIn(page, "headcni")).toBe("live");
  expect(await stateIn(page, "headscale")).toMatch(/backingOff|probing/);
  expect(await page.textContent("#moment-left")).toBe("the end");
  expect(await page.locator("#failures i").count()).toBeGreaterThan(0);
  const opening = await openedPage(page);
  expect(opening).toMatchObject(wantedOpening);
  expect(opening.chart.labelPixels).toBeGreaterThan(6.5);

  // The slider to the beginning: the daemon has just begun.
  await page.focus("#moment");
  await page.keyboard.press("Home");
  await shortly(() => stateIn(page, "headcni")).not.toBe("live");
  expect(await stateIn(page, "pod ")).toBeUndefined();

  // From failure to failure, to the one of the pod.
  const failures: string[] = [];
  for (let failure = await nextFailure(page); failure !== undefined; failure = await nextFailure(page)) {
    failures.push(failure);
    if (failure.startsWith("pod ")) break;
  }
  expect(failures).toContainEqual(expect.stringMatching(/^headscale .*UNREACHABLE.*cannot be reached/));
  expect(failures.at(-1)).toMatch(/^pod .*"\/var\/run\/netns\/ghost\\?" cannot be opened/);
  expect(await page.textContent("#subject")).toContain("ghost/eth0");
  await page.waitForSelector('.chart .box[data-lit="past"]');

  // From event to event: the pod is being attached, undoes what it began, and fails.
  await page.keyboard.press("Escape");
  expect(await stateIn(page, "pod ")).toBe("attaching");
  await page.keyboard.press(".");
  await shortly(() => stateIn(page, "pod ")).toBe("detaching.unrouting");
  await page.keyboard.press(",");
  await shortly(() => stateIn(page, "pod ")).toBe("attaching");
  await page.focus("#moment");
  await page.keyboard.press("End");
  await shortly(() => page.textContent("#moment-left")).toBe("the end");
  await shortly(() => stateIn(page, "pod ")).toBeUndefined();

  expect(problems).toEqual([]);
  // Offline: nothing but what headcnictl serves.
  expect(asked.filter((url) => !url.startsWith(page.url()))).toEqual([]);
}, 300_000);
