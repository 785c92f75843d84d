import { readFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FeedActor, FeedFrame } from "../../../src/observe/inspector/feed-messages.ts";
import { memoryOf, requireDaemon } from "../../bench/daemon/daemon-runs.ts";
import { percentile } from "../../bench/report/statistics.ts";
import { liveMachines } from "../../lab/headcni/daemon-pages.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { type InspectorPage, openInspectorPage } from "../support/inspector-page.ts";
import { openedPage, wantedOpening } from "../support/opened-page.ts";
import { type PodWaves, podWaves } from "../support/pod-waves.ts";
import { useLab } from "../support/use-lab.ts";

const lab = useLab({ nodes: 1, config: { "monitoring.inspector": true, "ipam.restSeconds": 1 } });
const node = (): LabNode => nodeOf(lab(), "n1");
const podsAtOnce = 120;
const opened: { inspector?: InspectorPage; waves?: PodWaves } = {};

function inspector(): InspectorPage {
  if (opened.inspector === undefined) throw new Error("the page is open only while tests run");
  return opened.inspector;
}

function waves(): PodWaves {
  if (opened.waves === undefined) throw new Error("there are sandboxes only while tests run");
  return opened.waves;
}

beforeAll(async () => {
  opened.inspector = await openInspectorPage(node().httpSocket);
  opened.waves = await podWaves(node(), `${netnsPrefix(lab().id)}w`, podsAtOnce);
}, 600_000);

afterAll(async () => {
  await opened.inspector?.close();
  await opened.waves?.close();
}, 120_000);

const named = ({ machine, subject, state }: Pick<FeedActor, "machine" | "subject" | "state">): string =>
  `${machine} ${subject} ${state}`;

/** The daemon's table also has the machines of headcni-wire, which has a page of its own. */
const ofWire: readonly string[] = ["wire", "wireResolver", "allowlistKeeper", "allowlist"];

/** Waits until a viewer (the page) has the same machines in the same states as the daemon says. */
async function agrees(known = () => inspector().actors()): Promise<void> {
  let [shown, live]: [readonly string[], readonly string[]] = [[], []];
  const same = async () => {
    const rows = await liveMachines(node());
    live = rows
      .filter(({ machine }) => !ofWire.includes(machine))
      .map(named)
      .toSorted();
    shown = (await known())
      .filter(({ ended }) => ended !== true)
      .map(named)
      .toSorted();
    return shown.join("\n") === live.join("\n");
  };
  await waitUntil(same, {
    what: "the viewer knows what the daemon says",
    timeoutMs: 120_000,
    everyMs: 300,
    explain: () => `viewer: ${shown.join(", ")}\ndaemon: ${live.join(", ")}`,
  });
}

test("the page opens with the actor tree, the root machine's whole chart with its state lit, and the time line, all named", async () => {
  const { page } = inspector();
  await page.waitForSelector('.chart .box[data-lit="now"]');
  expect(await openedPage(page)).toMatchObject(wantedOpening);
  await agrees();
  expect(inspector().problems()).toEqual([]);
});

test("the keyboard finds a machine, reads its context, pauses and goes on", async () => {
  const { page } = inspector();
  const machine = async (name: string) => {
    await waitUntil(async () => (await page.textContent("#machine")) === name, {
      what: `${name} is selected`,
      timeoutMs: 60_000,
      explain: async () =>
        `selected: ${await page.textContent("#machine")}; ${await page.textContent("#tree")}`,
    });
  };
  await page.keyboard.press("/");
  await page.keyboard.type("tailscaled");
  await page.keyboard.press("Enter");
  await machine("tailscaled");
  await page.keyboard.press("ArrowUp");
  await machine("headcni");
  await page.keyboard.press("ArrowDown");
  await machine("tailscaled");
  await page.waitForSelector("#details .json .key");
  await page.keyboard.press(" ");
  await page.waitForSelector('#stream[data-kind="paused"]');
  await page.keyboard.press(" ");
  await page.waitForSelector('#stream[data-kind="live"]');
  await page.keyboard.press("/");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  expect(await page.inputValue("#search")).toBe("");
  // An entry of the list takes the chart back to its time, Escape to now.
  await page.focus("#events");
  await page.keyboard.press("ArrowUp");
  await page.waitForSelector("#to-now:not([hidden])");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#to-now", { state: "hidden" });
});

test("the whole tailnet login is on the page, and no key is", async () => {
  const { page, url } = inspector();
  const key = (await readFile(lab().headscale.authKeyFile, "utf8")).trim();
  const actors = await inspector().actors();
  expect(actors.length).toBeGreaterThan(8);
  for (const { key: of } of actors) {
    const answer = await page.request.get(`${url}/actor?key=${encodeURIComponent(of)}`);
    expect(answer.status()).toBe(200);
    expect(await answer.text()).not.toContain(key);
  }
  const entries = await page.evaluate<string>("JSON.stringify(globalThis.probe.view.entries)");
  expect(entries).not.toContain(key);
  expect(key.length).toBeGreaterThan(20);
});

test("120 pods come and go: every one's life is on the page to its last state, and the page follows to the end", async () => {
  const { page } = inspector();
  const ids = await waves().attach();
  await agrees();
  const pods = (await inspector().actors()).filter(({ machine }) => machine === "pod");
  expect(pods.map(({ state }) => state)).toEqual(Array.from(ids, () => "attached"));
  // The tree draws what is seen, however many there are.
  await page.focus("#tree");
  await page.keyboard.press("End");
  expect(await page.locator("#tree .row").count()).toBeLessThan(80);
  await waves().detach();
  const gone = async () => {
    const finals = await inspector().finals();
    const ended = finals.filter(({ machine, state }) => machine === "pod" && state === "gone");
    const subjects = new Set(ended.map(({ subject }) => subject));
    return ids.every((id) => subjects.has(`${id}/eth0`));
  };
  await waitUntil(gone, { what: "every pod is told as gone", timeoutMs: 120_000, everyMs: 300 });
  await agrees();
  expect(inspector().problems()).toEqual([]);
}, 900_000);

/** Lets pods come and go until the page has seen `entries` more entries. */
async function churn(entries: number): Promise<void> {
  const until = (await inspector().seq()) + entries;
  while ((await inspector().seq()) < until) {
    await waves().attach();
    await waves().detach();
  }
}

test("over 1,500 transitions the memory of page and daemon stays bounded", async () => {
  const daemon = await requireDaemon(lab(), node());
  // By then the page and the daemon keep as many entries as they ever do.
  await churn(4_000);
  const before = { page: await inspector().heapBytes(), daemon: (await memoryOf(daemon.pid)).rssMb };
  await inspector().latencies();
  // An event is one entry, and about every third is a transition.
  await churn(6_000);
  const latencies = await inspector().latencies();
  const after = { page: await inspector().heapBytes(), daemon: (await memoryOf(daemon.pid)).rssMb };
  const ms = (part: number) => percentile(latencies, part).toFixed(0);
  console.log(
    `inspector: transition -> page p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms of ${latencies.length} transitions; ` +
      `page heap ${(before.page / 1e6).toFixed(1)} -> ${(after.page / 1e6).toFixed(1)} MB, ` +
      `daemon RSS ${before.daemon.toFixed(0)} -> ${after.daemon.toFixed(0)} MB`,
  );
  expect(after.page - before.page).toBeLessThan(1.5e6);
  expect(after.daemon - before.daemon).toBeLessThan(25);
  await agrees();
}, 1_800_000);

test("a viewer that does not read for a while misses no state", async () => {
  const sleeper = await unreadStream();
  await waves().attach();
  await waves().detach();
  const told = wakeUp(sleeper);
  await agrees(async () => [...told.values()]);
  sleeper.destroy();
}, 900_000);

/** A stream whose reader sleeps. */
function unreadStream(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const query = get({ socketPath: node().httpSocket, path: "/inspect/stream" }, (response) => {
      response.pause();
      resolve(response);
    });
    query.on("error", reject);
  });
}

/** Wakes the reader, which from now on keeps what it is told: the machines by their keys. */
function wakeUp(stream: IncomingMessage): ReadonlyMap<string, FeedActor> {
  const actors = new Map<string, FeedActor>();
  let rest = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) take(JSON.parse(line.slice("data: ".length)));
  });

  // It was told to pause, and listening alone does not end that.
  stream.resume();

  function take(frame: FeedFrame): void {
    if (frame.type === "beat") return;
    if (frame.type === "baseline") actors.clear();
    for (const actor of frame.type === "baseline" ? frame.actors : frame.changed)
      actors.set(actor.key, actor);
  }

  return actors;
}
