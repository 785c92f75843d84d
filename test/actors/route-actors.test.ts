import { describe, expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import { routeActors } from "../../src/actors/tailnet/route-actors.ts";
import type { KernelOperation, KernelRoute } from "../../src/domain/kernel/kernel-state.ts";

function route(destination: string, changes: Partial<KernelRoute> = {}): KernelRoute {
  return { family: 4, type: "unicast", destination, table: 52, metric: 0, protocol: 3, ...changes };
}

/** The actors over a kernel in memory; `answers` are the addresses that answer an echo. */
function actors(
  options: {
    readonly routes?: readonly KernelRoute[];
    readonly answers?: readonly string[];
    readonly pathless?: readonly string[];
  } = {},
) {
  const asked: string[] = [];
  const applied: KernelOperation[] = [];
  const made = routeActors(
    {
      observe: async () => ({ links: [], addresses: [], routes: options.routes ?? [], rules: [] }),
      apply: async (_, operations) => {
        applied.push(...operations);
      },
      watch: () => () => undefined,
      echo: async (source, destination) => {
        asked.push(`${source} ${destination}`);
        return options.answers?.includes(destination) === true ? 0.5 : undefined;
      },
    },
    {
      recheckLogin: async () => undefined,
      discoPing: async (address) =>
        options.pathless?.includes(address) === true ? undefined : { latencyMs: 1, direct: true },
    },
    () => "tailscale0",
  );
  const prove = (witnesses: readonly string[]) =>
    toPromise(createActor(made.ownRoute.prove, { input: { source: "10.244.1.1", witnesses } }).start());
  return { made, asked, applied, prove };
}

describe("the proof of an own route", () => {
  test("is one answered packet from our router address", async () => {
    const { prove, asked } = actors({ answers: ["10.244.2.1"] });
    expect(await prove(["10.244.2.1"])).toBe(true);
    expect(asked).toEqual(["10.244.1.1 10.244.2.1"]);
  });

  test("asks three peers at a time, and more only if none of them answers", async () => {
    const { prove, asked } = actors({ answers: ["10.244.6.1"] });
    const witnesses = Array.from({ length: 9 }, (_, index) => `10.244.${index + 2}.1`);
    expect(await prove(witnesses)).toBe(true);
    expect(asked.length).toBe(6);
  });

  test("sends nothing to a peer that no path leads to yet", async () => {
    const { prove, asked } = actors({ answers: ["10.244.2.1"], pathless: ["10.244.2.1"] });
    expect(await prove(["10.244.2.1"])).toBe(false);
    expect(asked).toEqual([]);
  });

  test("fails when nobody answers, and needs no packet where nobody is", async () => {
    const { prove } = actors();
    expect(await prove(["10.244.2.1"])).toBe(false);
    expect(await prove([])).toBe(true);
  });
});

describe("tailscaled's table", () => {
  test("is read without other tables and without what is no way to a peer", async () => {
    const { made } = actors({
      routes: [
        route("10.244.2.0/24"),
        route("10.244.3.0/24", { table: 254 }),
        route("10.244.0.0/16", { type: "unreachable" }),
      ],
    });
    const table = await toPromise(createActor(made.routes.readTable).start());
    expect(table).toEqual(["10.244.2.0/24"]);
  });

  test("gets a deleted route back onto tailscaled's interface", async () => {
    const { made, applied } = actors();
    await toPromise(createActor(made.peerRoute.reinstall, { input: { prefix: "10.244.2.0/24" } }).start());
    expect(applied).toEqual([
      {
        op: "route.replace",
        route: {
          family: 4,
          type: "unicast",
          destination: "10.244.2.0/24",
          table: 52,
          metric: 0,
          protocol: 0x48,
          link: "tailscale0",
        },
      },
    ]);
  });
});
