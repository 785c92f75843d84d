import { expect, onTestFinished, test } from "vitest";
import { createActor } from "xstate";
import { wireActors } from "../../src/actors/tailnet/wire-actors.ts";
import type { ServedRoutes } from "../../src/domain/tailnet/believed-prefixes.ts";
import { nobodyBelieved } from "../../src/domain/tailnet/believed-prefixes.ts";
import type { AllowlistHost } from "../../src/ports/allowlist.ts";
import type { WireHost } from "../../src/ports/wire.ts";
import { recipient } from "../support/machines/drive.ts";
import { manualClock } from "../support/machines/manual-clock.ts";
import { until } from "../support/until.ts";

const prefix = "10.244.2.0/24";

/** The allowlist over a tailscaled that says what the test says. */
function kept() {
  const world = {
    served: {} as ServedRoutes,
    applied: [] as string[],
    hint: (): void => undefined,
  };
  const nothing = () => () => undefined;
  const host: AllowlistHost = {
    readList: async () => [{ prefix, nodeId: "2", node: "n2", uid: "u2" }],
    watchList: nothing,
    followNetmap: (hinted) => {
      world.hint = () => hinted("unknown");
      return () => undefined;
    },
    readNetmap: async () => ({ routes: world.served, addresses: {} }),
    watchTable: nothing,
    apply: async (believed) => void world.applied.push(believed.prefixes.join()),
  };
  const clock = manualClock();
  const { allowlistKeeper } = wireActors({} as WireHost, host, () => undefined);
  const actor = createActor(allowlistKeeper, {
    clock,
    input: { seed: "n1", parent: recipient("wire"), believed: nobodyBelieved },
  });
  actor.start();
  onTestFinished(() => void actor.stop());
  return { world, clock, actor };
}

test("an allowlist that fails in itself leaves what is in force, is started anew after a second and then keeps it again", async () => {
  const { world, clock, actor } = kept();
  await until(() => world.applied.length === 1, "nothing is believed at first");
  clock.fire(100);
  // No list of routes: it throws in an action.
  world.served = { "2": 5 } as unknown as ServedRoutes;
  world.hint();
  await until(() => actor.getSnapshot().matches("crashed"), "it fails");
  expect(actor.getSnapshot()).toMatchObject({
    status: "active",
    context: { failure: { code: "UNEXPECTED" } },
  });
  expect(world.applied).toEqual([""]);
  world.served = { "2": [prefix] };
  clock.fire(1_000);
  expect(actor.getSnapshot().matches("keeping")).toBe(true);
  await until(() => world.applied.length === 2, "nothing is believed again");
  world.hint();
  const spaced = () => clock.fire(100) || world.applied.length > 2;
  await until(spaced, "the load has its distance to the next");
  await until(() => world.applied.length === 3, "the Node's prefix is believed");
  expect(world.applied).toEqual(["", "", prefix]);
});
