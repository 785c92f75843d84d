import { test } from "vitest";
import type { GuardEvent } from "../../../machines/guard/guard-events.ts";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import type { OwnerInput, OwnerJudged } from "../../../machines/owner/owner-events.ts";
import { ownerMachine } from "../../../machines/owner/owner-machine.ts";
import type { StatusChanged, TailnetFact } from "../../../machines/tailnet/tailnet-events.ts";
import { OwnerError } from "../../../src/adapters/owner/owner-error.ts";
import type { OwnerFacts } from "../../../src/domain/owner/owner-facts.ts";
import { ownerHindrance, ownerProblems } from "../../../src/domain/owner/owner-problem.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { facts, required, terms } from "../../support/owner-harness.ts";
import { wanted } from "../../support/tailnet-harness.ts";

type Told = GuardEvent | OwnerJudged | StatusChanged | TailnetFact;

const gone = new OwnerError("nobody answers", { code: "NO_SOCKET", path: "/run/tailscaled.sock" });
const unguarded = new OwnerError("no unit", { code: "NO_BOOT_UNIT" });
const edited = {
  preferences: { ...facts.preferences, routes: ["192.168.7.0/24", "10.244.1.0/24"], acceptsRoutes: true },
  record: { routes: ["10.244.1.0/24"], acceptsRoutes: true },
};
const read = (changes: Partial<OwnerFacts>) =>
  ({ type: "owner.read", facts: { ...facts, ...changes }, settled: true }) as const;

test("every transition of the owner machine can be taken", async () => {
  const told = recorder<Told>();
  const input: OwnerInput = {
    wanted,
    authKeyFrom: "owner",
    mtu: 1280,
    headscale: recorder<HeadscaleEvent>().ref,
    health: told.ref,
    guard: told.ref,
    routes: told.ref,
    node: null,
  };
  await walkAllTransitions(ownerMachine, {
    input,
    events: [
      read({}),
      { ...read({}), settled: false },
      read(edited),
      read({ terms: null }),
      read({ ...edited, terms: { ...terms, confineTable52: "none" } }),
      read({ version: "1.98.4" }),
      read({ tun: false }),
      read({ controlUrl: "https://hs.example" }),
      read({ backendState: "NeedsLogin" }),
      read({ backendState: "Stopped" }),
      read({ preferences: { ...facts.preferences, appConnector: true } }),
      { type: "owner.unread", reason: "no" },
      { type: "session.settled" },
      { type: "credentials.replaced" },
      { type: "tailnetNamespace.held" },
    ],
    outcomes: {
      seek: { done: [{ pid: 42, startTime: "1000", attended: true }], error: [gone] },
      enter: { done: [terms, { ...terms, elsewhere: true }] },
      edit: { done: [edited], error: [unguarded, new Error("no")] },
    },
    limit: 100_000,
    stateKey: ({ context: { facts: seen, unread, offered, held, asked, missed, failures, judged } }) => [
      seen && (ownerHindrance(seen, required)?.code ?? ownerProblems(seen, required).length),
      seen?.preferences.acceptsRoutes,
      seen?.terms?.confineTable52,
      seen === null && unread,
      offered.length,
      held,
      asked || seen === null,
      missed,
      judged === "",
      Math.min(failures, 1),
    ],
  });
});
