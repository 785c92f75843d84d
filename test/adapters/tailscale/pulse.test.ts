import { expect, onTestFinished, test } from "vitest";
import type { LocalApi } from "../../../src/adapters/tailscale/local-api.ts";
import { watchPulse } from "../../../src/adapters/tailscale/pulse.ts";
import { until } from "../../support/until.ts";

test("a tailscaled that falls silent is a hint, once, and so is its return", async () => {
  const tailscaled = { answers: true, asked: 0 };
  const api: Pick<LocalApi, "call"> = {
    call: async () => {
      tailscaled.asked += 1;
      if (!tailscaled.answers) throw new Error("no answer");
      return JSON.stringify({ BackendState: "Running", Self: { Online: true } });
    },
  };
  const hints = { count: 0 };
  onTestFinished(
    watchPulse(api as LocalApi, () => {
      hints.count += 1;
    }),
  );
  const threeMoreLooks = () => {
    const wanted = tailscaled.asked + 3;
    return until(() => tailscaled.asked >= wanted, `look ${wanted}`);
  };
  await threeMoreLooks();
  expect(hints.count).toBe(0);
  tailscaled.answers = false;
  await threeMoreLooks();
  expect(hints.count).toBe(1);
  tailscaled.answers = true;
  await threeMoreLooks();
  expect(hints.count).toBe(2);
}, 200_000);
