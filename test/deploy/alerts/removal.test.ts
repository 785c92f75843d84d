import { beforeAll, expect, test } from "vitest";
import { createActor, fromPromise, SimulatedClock } from "xstate";
import { rulesText } from "../../../deploy/alerts/rules-file.ts";
import type { LinksEvent } from "../../../machines/links/links-machine.ts";
import type { AttachmentReport, Detached } from "../../../machines/pod/pod-events.ts";
import { podMachine } from "../../../machines/pod/pod-machine.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { registerMachineMetrics } from "../../../src/observe/metrics/machine-metrics.ts";
import { createRegistry } from "../../../src/observe/metrics/metrics.ts";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { promtoolFindings } from "./promtool.ts";

const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
const plan = planAttachment(cniRequest("DEL", "c1"), node, { addresses: ["10.244.1.7"], order: 0 });
const scrapeMs = 15_000;

beforeAll(async () => {
  await ensurePackages((line) => console.error(line), { promtool: "prometheus" });
}, 300_000);

/** The machine that runs, under the observer, on a clock that the test moves; each attempt ends as the kernel decides then. */
function watchedRemoval(kernel: { detaches: () => Promise<Detached> }) {
  const clock = new SimulatedClock();
  const registry = createRegistry();
  const { log } = createLogger({ level: "error", base: {}, destination: { write: () => undefined } });
  const observer = createMachineObserver({ log, monotonicMs: () => clock.now() });
  registerMachineMetrics(registry, observer);
  const detach = fromPromise<Detached, { hostLink: string }>(() => kernel.detaches());
  const pod = createActor(podMachine.provide({ actors: { detach } }), {
    input: {
      slot: 0,
      plan,
      start: "detach",
      call: null,
      registry: recorder<AttachmentReport>().ref,
      links: recorder<LinksEvent>().ref,
      policy: null,
    },
    clock,
    inspect: observer.inspect,
  });
  pod.start();
  const scrape = async () => {
    const lines = (await registry.metrics()).split("\n").filter((line) => /^headcni_machine/.test(line));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
    );
  };
  return { pod, clock, scrape, states: () => observer.states() };
}

test.each([
  {
    how: "the kernel keeps a link that was deleted",
    attempt: async () => ({ lingers: true, atMs: 1 }),
  },
  { how: "the kernel refuses each attempt", attempt: () => Promise.reject(new Error("no")) },
])(
  "a removal that never ends fires once and falls silent when it ends: $how",
  async ({ attempt }) => {
    const kernel: { detaches: () => Promise<Detached> } = { detaches: attempt };
    const { pod, clock, scrape, states } = watchedRemoval(kernel);
    const scrapes: ReadonlyMap<string, string>[] = [];
    for (let at = 0; at < 300; at += 15) {
      scrapes.push(await scrape());
      clock.increment(scrapeMs);
    }
    expect(states()).toMatchObject([
      {
        machine: "pod",
        stuck: true,
        outer: [{ state: "detaching", sinceMs: 300_000, limitMs: 60_000, stuck: true }],
      },
    ]);
    kernel.detaches = async () => ({ lingers: false, atMs: 1 });
    for (let passedMs = 0; passedMs < 3 * scrapeMs; passedMs += 1_000) {
      clock.increment(1_000);
      await new Promise(setImmediate);
    }
    expect(pod.getSnapshot().value).toBe("idle");
    pod.send({ type: "pod.release" });
    for (let at = 0; at < 60; at += 15) scrapes.push(await scrape());

    const names = [...new Set(scrapes.flatMap((each) => [...each.keys()]))];
    const series = Object.fromEntries(
      names.map((name) => [name, scrapes.map((each) => each.get(name) ?? "stale").join(" ")]),
    );
    const rings = { quietAt: 60, ringsAt: 120, labels: { machine: "pod", state: "detaching" } };
    const findings = await promtoolFindings(rulesText(), [
      { alert: "HeadcniPodNotRemoved", series, ...rings, quietAgainAt: 315 },
    ]);
    expect(findings).toBe("");
  },
  60_000,
);
