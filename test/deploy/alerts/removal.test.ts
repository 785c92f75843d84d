import { beforeAll, expect, test } from "vitest";
import { createActor, type EventObject, fromCallback, SimulatedClock } from "xstate";
import { rulesText } from "../../../deploy/alerts/rules-file.ts";
import type { AttachmentReport } from "../../../machines/pod/pod-events.ts";
import { podMachine } from "../../../machines/pod/pod-machine.ts";
import { planAttachment } from "../../../src/domain/pod-network-plan.ts";
import { createLogger } from "../../../src/observe/logger.ts";
import { registerMachineMetrics } from "../../../src/observe/machine-metrics.ts";
import { createMachineObserver } from "../../../src/observe/machine-observer.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { recorder } from "../../support/recorder.ts";
import { promtoolFindings } from "./promtool.ts";

const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
const plan = planAttachment(cniRequest("DEL", "c1"), node, { addresses: ["10.244.1.7"], order: 0 });
const scrapeMs = 15_000;

beforeAll(async () => {
  await ensurePackages((line) => console.error(line), { promtool: "prometheus" });
}, 300_000);

/** The machine that runs, under the observer, on a clock that the test moves; each attempt hears what the kernel says then. */
function watchedRemoval(kernel: { says: readonly EventObject[] }) {
  const clock = new SimulatedClock();
  const { registry } = createMetrics();
  const { log } = createLogger({ level: "error", base: {}, destination: { write: () => undefined } });
  const observer = createMachineObserver({ log, monotonicMs: () => clock.now() });
  registerMachineMetrics(registry, observer);
  const detach = fromCallback<EventObject, { hostLink: string }>(({ sendBack }) =>
    kernel.says.forEach(sendBack),
  );
  const pod = createActor(podMachine.provide({ actors: { detach } }), {
    input: { slot: 0, plan, start: "detach", call: null, registry: recorder<AttachmentReport>().ref },
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
  { how: "the kernel keeps a link that was deleted", attempt: { type: "detach.unrouted" } },
  {
    how: "the kernel refuses each attempt",
    attempt: { type: "detach.failed", failure: { code: "KERNEL_REFUSED", message: "no" } } as EventObject,
  },
])(
  "a removal that never ends rings once and falls silent when it ends: $how",
  async ({ attempt }) => {
    const kernel = { says: [attempt] as readonly EventObject[] };
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
    kernel.says = [{ type: "detach.unrouted" }, { type: "detach.released", atMs: 1 } as EventObject];
    clock.increment(2 * scrapeMs);
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
