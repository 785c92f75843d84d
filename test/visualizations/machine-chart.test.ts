import { describe, expect, it } from "vitest";
import { fromPromise, setup } from "xstate";
import { machineChart } from "../../machines/chart/machine-chart.ts";
import { driftedPictures } from "../../visualizations/generate.ts";

const lamp = setup({
  types: { events: {} as { type: "lamp.press" } },
  actors: { warm: fromPromise(() => Promise.resolve()) },
  guards: { hasPower: () => true },
  delays: { cooling: 1500 },
}).createMachine({
  id: "lamp",
  initial: "off",
  states: {
    off: {
      meta: { limit: "none", because: "nobody wants light" },
      on: { "lamp.press": { guard: "hasPower", target: "on" } },
    },
    on: {
      initial: "warming",
      states: {
        warming: {
          meta: { limit: { ms: 1500, means: "the bulb is broken" } },
          invoke: { src: "warm", onDone: "bright", onError: "#lamp.off" },
          after: { cooling: "#lamp.off" },
        },
        bright: { meta: { limit: "none", because: "light" } },
      },
      on: { "lamp.press": "off" },
    },
  },
});

describe("a machine's chart", () => {
  it("names states, limits, invoked actors and the cause of each edge", () => {
    const chart = machineChart(lamp);
    expect(chart.states.find(({ path }) => path === "on.warming")).toEqual({
      path: "on.warming",
      parent: "on",
      kind: "atomic",
      invokes: ["warm"],
      limitMs: 1500,
      about: "the bulb is broken",
    });
    expect(chart.edges).toContainEqual({
      from: "off",
      to: "on",
      kind: "event",
      cause: "lamp.press",
      guard: "hasPower",
      moves: true,
    });
    const causes = chart.edges
      .filter(({ from }) => from === "on.warming")
      .map((edge) => [edge.kind, edge.cause]);
    expect(causes.toSorted()).toEqual([
      ["after", "cooling"],
      ["done", "warm"],
      ["failed", "warm"],
    ]);
  });
});

it("the committed pictures are those of the machines that run", async () => {
  expect(await driftedPictures()).toEqual([]);
  // Every machine's chart is laid out anew.
}, 120_000);
