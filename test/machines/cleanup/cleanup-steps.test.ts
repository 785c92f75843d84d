import { describe, expect, it } from "vitest";
import { cleanupMachine } from "../../../machines/cleanup/cleanup-machine.ts";
import { broken, brokenFailure, drive, type Effect } from "../../support/machines/drive.ts";

const prefixes = ["10.244.1.0/24"];
const confirm: Effect = { start: "confirm", input: { prefixes } };
const missed = "Headscale drops them when it misses the node";

type Cleanup = ReturnType<typeof started>;

function started(onlyWithdraws = false, owners = false) {
  const cleanup = drive(cleanupMachine, { onlyWithdraws, owners });
  const first = cleanup.start();
  const said = () => cleanup.context().report.at(-1);
  return { ...cleanup, first, said };
}

/** What each effect gives when all goes well, in order. */
const way = [
  ["unpublish", undefined],
  ["restore", false],
  ["withdraw", prefixes],
  ["confirm", undefined],
  ["detach", 3],
  ["end", false],
  ["removeGuard", undefined],
  ["removeRecords", undefined],
] as const;

/** A cleanup in which `effect` is under way. */
function during(effect: string): Cleanup {
  const cleanup = started();
  for (const [name, output] of way) {
    if (name === effect) return cleanup;
    cleanup.done(name, output);
  }
  throw new Error(effect);
}

describe("cleanup", () => {
  it("takes all away in its order and says each step", () => {
    const { first, done, fire, said, timers, at, actor } = started();
    expect(first).toEqual([{ start: "unpublish" }]);
    expect(done("unpublish")).toEqual([{ start: "restore" }]);
    expect(said()).toEqual({ step: "plugin", text: "removed the conflist and the plugin" });
    expect(done("restore", true)).toEqual([{ start: "withdraw" }]);
    expect(said()).toEqual({ step: "node", text: "gave the Node its own addresses back" });
    expect(done("withdraw", prefixes)).toEqual([confirm]);
    expect(done("confirm")).toEqual([{ start: "detach" }]);
    expect(said()).toEqual({ step: "routes", text: "withdrew the routes: 10.244.1.0/24" });
    expect(done("detach", 3)).toEqual([{ start: "end" }]);
    expect(said()).toEqual({ step: "attachments", text: "removed the attachments: 3" });
    expect(done("end", true)).toEqual([]);
    expect(said()).toEqual({ step: "tailnet", text: "ended headcni-wire and tailscaled" });
    expect(at()).toBe("awaitingRestart");
    expect(timers()).toEqual([3_000]);
    expect(fire(3_000)).toEqual([{ start: "end" }]);
    expect(done("end", false)).toEqual([{ start: "removeGuard" }]);
    expect(done("removeGuard")).toEqual([{ start: "removeRecords" }]);
    expect(said()).toEqual({
      step: "guard",
      text: "removed rules, routes and tables, and gave the sysctls back",
    });
    expect(done("removeRecords")).toEqual([]);
    expect(said()).toEqual({ step: "records", text: "removed the directories" });
    expect(at()).toBe("clean");
    expect(actor.getSnapshot()).toMatchObject({ status: "done", output: { left: [] } });
  });

  it("says nothing of a Node that has nothing of ours", () => {
    const none = during("restore");
    expect(none.done("restore", false)).toEqual([{ start: "withdraw" }]);
    expect(none.said()).toMatchObject({ step: "plugin" });
  });

  it("says that there were no routes, or that nobody could be told", () => {
    const none = during("withdraw");
    expect(none.done("withdraw", [])).toEqual([{ ...confirm, input: { prefixes: [] } }]);
    none.done("confirm");
    expect(none.said()).toEqual({ step: "routes", text: "withdrew the routes: there were none" });
    const nobody = during("withdraw");
    expect(nobody.done("withdraw", null)).toEqual([{ start: "detach" }]);
    expect(nobody.said()).toEqual({
      step: "routes",
      text: `withdrew no route now, no tailscaled answers: ${missed}`,
    });
  });

  it.each([
    ["fails", (cleanup: Cleanup) => cleanup.fail("confirm", broken)],
    ["takes 5 s", (cleanup: Cleanup) => cleanup.fire(5_000)],
  ] as const)("leaves nothing where the confirmation %s", (_, happen) => {
    const cleanup = during("confirm");
    expect(happen(cleanup).filter((effect) => !("stop" in effect))).toEqual([{ start: "detach" }]);
    expect(cleanup.said()).toEqual({
      step: "routes",
      text: `withdrew 10.244.1.0/24, not confirmed: ${missed}`,
    });
  });

  it.each([
    [
      ...["restore", "node", 10_000, "withdraw"],
      "the API server does not restore the Node's own addresses",
    ] as const,
    ["unpublish", "plugin", 5_000, "restore", "the conflist or the plugin cannot be removed"],
    ["withdraw", "routes", 5_000, "detach", "tailscaled does not stop announcing the routes"],
    ["detach", "attachments", 20_000, "end", "the kernel does not remove the pods' links"],
    ["end", "tailnet", 15_000, "removeGuard", "headcni-wire does not end"],
    ["removeGuard", "guard", 15_000, "", "the kernel does not remove rules, routes and tables"],
    ["removeRecords", "records", 10_000, "", "the directories cannot be removed"],
  ])("goes on where %s fails or does not end, and says what is left", (effect, step, ms, next, means) => {
    const begun = next === "" ? [] : [{ start: next }];
    const failed = during(effect);
    expect(failed.fail(effect, broken)).toEqual(begun);
    const left = { step, text: "broken", failure: brokenFailure };
    expect(failed.said()).toEqual(left);
    const late = during(effect);
    expect(late.timers()).toEqual([ms]);
    expect(late.fire(ms).filter((effect) => !("stop" in effect))).toEqual(begun);
    expect(late.said()).toEqual({ step, text: means, failure: { code: "TIMED_OUT", message: means } });
    if (next !== "") return;
    expect(failed.at()).toBe("incomplete");
    expect(late.at()).toBe("incomplete");
    expect(failed.actor.getSnapshot()).toMatchObject({ status: "done", output: { left: [left] } });
  });

  it("keeps the directories while anything is left, and a headcni-wire that is started again is left", () => {
    const { done, fire, said, at } = during("end");
    done("end", true);
    fire(3_000);
    const message = "headcni-wire was ended and runs again";
    expect(done("end", true)).toEqual([{ start: "removeGuard" }]);
    expect(said()).toEqual({ step: "tailnet", text: message, failure: { code: "STARTED_AGAIN", message } });
    expect(done("removeGuard")).toEqual([]);
    expect(said()).toMatchObject({ step: "guard" });
    expect(at()).toBe("incomplete");
  });

  it("keeps the node's rules while an owner's tailscaled holds what is ours, and says what he has to do", () => {
    const { done, fail, said, at, actor } = started(false, true);
    done("unpublish");
    done("restore", false);
    expect(fail("withdraw", broken)).toEqual([{ start: "detach" }]);
    const left = { step: "owner", text: "broken", failure: brokenFailure };
    expect(said()).toEqual(left);
    done("detach", 3);
    expect(done("end", false)).toEqual([]);
    expect(at()).toBe("incomplete");
    expect(actor.getSnapshot().output).toEqual({ left: [left] });
    const late = started(false, true);
    late.done("unpublish");
    late.done("restore", false);
    expect(late.timers()).toEqual([5_000]);
    late.fire(5_000);
    const message = "what HeadCNI added to the node's tailscaled cannot be removed";
    expect(late.said()).toEqual({ step: "owner", text: message, failure: { code: "TIMED_OUT", message } });
  });

  it("goes on where an owner's tailscaled gave all back, though Headscale does not confirm it", () => {
    const { done, fire, said } = started(false, true);
    done("unpublish");
    done("restore", false);
    expect(done("withdraw", prefixes)).toEqual([confirm]);
    expect(fire(5_000).filter((effect) => !("stop" in effect))).toEqual([{ start: "detach" }]);
    expect(said()).toEqual({
      step: "routes",
      text: "withdrew 10.244.1.0/24, not confirmed: the node's tailscaled has told Headscale",
    });
    done("detach", 3);
    expect(done("end", false)).toEqual([{ start: "removeGuard" }]);
  });

  it("pauses after the withdrawal where no more is asked", () => {
    const { done, at, actor } = started(true);
    done("unpublish");
    done("restore", false);
    done("withdraw", prefixes);
    expect(done("confirm")).toEqual([]);
    expect(at()).toBe("paused");
    expect(actor.getSnapshot().status).toBe("done");
  });
});
