import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createActor, setup, toPromise } from "xstate";
import type { GuardEvent } from "../../machines/guard/guard-events.ts";
import { guardActors } from "../../src/actors/guard-actors.ts";
import type { GuardPorts } from "../../src/actors/guard-work.ts";
import type { KernelChange } from "../../src/domain/kernel/kernel-state.ts";
import { sampleSettings } from "../adapters/tailnet-namespace/sample-settings.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** The watch under a parent that notes what it is sent. */
function start() {
  const listeners = new Set<(change: KernelChange) => void>();
  const kernel = {
    watch: (listener: (change: KernelChange) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const told: GuardEvent[] = [];
  const parent = setup({
    types: { events: {} as GuardEvent },
    actors: { watch: guardActors({ kernel } as unknown as GuardPorts, () => sampleSettings).watch },
    actions: { note: ({ event }) => told.push(event) },
  }).createMachine({
    invoke: { src: "watch", onError: {} },
    on: { "kernel.changed": { actions: "note" } },
  });
  const actor = createActor(parent).start();
  const change = (what: KernelChange["what"]) => {
    for (const listener of listeners) listener({ namespace: "node", what, removed: true, subject: "5180" });
  };
  return { actor, change, told, listeners };
}

test("a burst becomes one event of the widest scope", () => {
  const { change, told } = start();
  change("rule");
  change("nftables");
  change("rule");
  expect(told).toEqual([]);
  vi.advanceTimersByTime(50);
  expect(told).toEqual([{ type: "kernel.changed", scope: "all" }]);
});

test("endless change is told a few times a second, and its last part is not lost", () => {
  const { change, told } = start();
  for (let ms = 0; ms < 3_000; ms += 10) {
    change("rule");
    vi.advanceTimersByTime(10);
  }
  expect(told.length).toBeGreaterThan(5);
  expect(told.length).toBeLessThan(12);
  const before = told.length;
  change("rule");
  vi.advanceTimersByTime(300);
  expect(told.length).toBe(before + 1);
});

test("stopping ends the listening and what was waiting", () => {
  const { actor, change, told, listeners } = start();
  change("rule");
  actor.stop();
  vi.advanceTimersByTime(1_000);
  expect(listeners.size).toBe(0);
  expect(told).toEqual([]);
});

test("a clock that is set back does not stretch the guard's truces", async () => {
  const ports = {
    kernel: {
      observe: async () => ({ links: [], addresses: [], routes: [], rules: [] }),
      readSysctls: async () => ({}),
    },
    firewall: { observe: async () => ({ foreign: [] }) },
  };
  const { check } = guardActors(ports as unknown as GuardPorts, () => sampleSettings);
  const { ownPrefixes } = sampleSettings;
  const look = { scope: "all", tailnetOpen: false, ownPrefixes, services: [] } as const;
  const lookedAt = async () => (await toPromise(createActor(check, { input: look }).start())).at;
  const before = await lookedAt();
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(await lookedAt()).toBeGreaterThanOrEqual(before);
});
