import type { InspectionEvent } from "xstate";
import { createFeed } from "../../../src/observe/inspector/feed.ts";
import { createViewers } from "../../../src/observe/inspector/viewers.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { type Inspect, podLives } from "./pod-lives.ts";

/**
 * What the machine observer and the inspector cost per pod life, against no observer and against an inspector that does nothing.
 * Usage: node test/bench/observing/observer-cost.ts [lives] [rounds]
 */
const lives = Number(process.argv[2] ?? 2000);
const rounds = Number(process.argv[3] ?? 9);
const silent = { write: () => undefined };
const observed = (level: "info" | "debug") => () =>
  createMachineObserver({ log: createLogger({ level, base: {}, destination: silent }).log }).inspect;
/** The inspector as the daemon has it, with `viewers` that read everything. */
const inspected = (viewers: number) => () => {
  const { log, redact } = createLogger({ level: "info", base: {}, destination: silent });
  const feed = createFeed({
    daemon: { node: "n1", version: "0", pid: 1 },
    machines: { live: () => observer.live(), parentOf: (ref) => observer.parentOf(ref) },
    redact,
    broke: (error) => {
      throw error;
    },
  });
  const observer = createMachineObserver({ log, listener: feed.listener });
  const connection = {
    write: () => true,
    on: () => connection,
    writableLength: 0,
    destroy: () => connection,
  };
  const audience = createViewers(feed);
  for (let viewer = 0; viewer < viewers; viewer += 1) audience.add(connection as never);
  return (event: InspectionEvent) => {
    observer.inspect(event);
    feed.inspect(event);
  };
};
const variants: Readonly<Record<string, () => Inspect | undefined>> = {
  "no inspector": () => undefined,
  "inspector that does nothing": () => () => undefined,
  "observer, level info": observed("info"),
  "observer, level debug": observed("debug"),
  "observer and inspector": inspected(0),
  "the same with a viewer": inspected(1),
};
const samples = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++)
  for (const [name, make] of Object.entries(variants)) {
    const cost = await podLives(lives, make());
    if (round > 0) samples.get(name)?.push(cost);
  }
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const base = median(samples.get("no inspector") ?? []);
for (const [name, values] of samples)
  console.log(
    `${name.padEnd(30)} ${median(values).toFixed(1).padStart(7)} us per pod life, +${(median(values) - base).toFixed(1)} us`,
  );
