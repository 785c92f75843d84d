import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Lab } from "../../../lab/lab-types.ts";
import { netnsPrefix } from "../../../lab/layout.ts";
import { addNetns, inNetns, removeNetns } from "../../../lab/network/netns.ts";
import type { CommandLine } from "../../../lab/run-command.ts";
import { chromiumPath, openChromium } from "../chromium.ts";
import { openedPage, wantedOpening } from "../opened-page.ts";
import { nextFailure, openReplayedPage, shortly, stateIn } from "../replayed-page.ts";
import { streamedProcess } from "../streamed-process.ts";

/** A time in which Headscale went away from a node. */
export interface Night {
  /** Of diagnostics, taken while Headscale was away. */
  readonly archive: string;
  /** When Headscale was there last, in milliseconds since the epoch. */
  readonly lastWell: number;
  readonly node: string;
}

/** Runs `headcnictl replay` and a browser in a namespace that has its loopback alone, and looks at the night. */
export async function replayElsewhere(
  lab: Lab,
  headcnictl: CommandLine,
  night: Night | undefined,
): Promise<void> {
  if (night === undefined) throw new Error("no archive was kept");
  const laptop = `${netnsPrefix(lab.id)}laptop`;
  await addNetns(laptop);
  onTestFinished(() => removeNetns(laptop));
  const url = await replayIn(laptop, [...headcnictl, "replay", night.archive, "-o", "json"]);
  const browser = await openChromium([], await chromiumIn(laptop, lab.folder));
  onTestFinished(() => browser.close());
  const { page, problems, asked } = await openReplayedPage(browser, url);

  // It opens with the last moment: Headscale is away, and what runs keeps running.
  await shortly(() => stateIn(page, "headcni")).toBe("live");
  await shortly(() => stateIn(page, "headscale")).toMatch(/^(backingOff|probing)$/);
  expect(await page.textContent("#node")).toContain(night.node);
  expect(await openedPage(page)).toMatchObject(wantedOpening);

  // The slider to the evening before: all is well.
  await page.fill("#moment", String(night.lastWell));
  await shortly(() => stateIn(page, "headscale")).toMatch(/^connected/);

  // From there to what failed first at Headscale.
  const failures: string[] = [];
  for (let failure = await nextFailure(page); failure !== undefined; failure = await nextFailure(page)) {
    failures.push(failure);
    if (failure.startsWith("headscale ")) break;
  }
  expect(failures.at(-1)).toMatch(/^headscale .*UNREACHABLE/);
  await page.waitForSelector('.chart .box[data-lit="past"]');
  expect(problems).toEqual([]);
  expect(asked.filter((address) => !address.startsWith(url))).toEqual([]);
}

/** The address that it prints; it ends, without a fault, with the test. */
async function replayIn(netns: string, command: CommandLine): Promise<string> {
  const replay = streamedProcess(inNetns(netns, command));
  onTestFinished(async () => {
    replay.signal("SIGINT");
    expect(await replay.ended).toBe(0);
  });
  return await replay.heard("the address of the page", (stdout) => /"url": "([^"]+)"/.exec(stdout)?.[1]);
}

/** A program that becomes Chromium in the namespace. */
async function chromiumIn(netns: string, folder: string): Promise<string> {
  const path = join(folder, "chromium-elsewhere");
  await writeFile(path, `#!/bin/sh\nexec ${inNetns(netns, [chromiumPath]).join(" ")} "$@"\n`, {
    mode: 0o755,
  });
  return path;
}
