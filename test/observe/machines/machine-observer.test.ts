import { describe, expect, test } from "vitest";
import type { AnyActorRef } from "xstate";
import { observedSystem } from "../observed-system.ts";

describe("the table of machines", () => {
  test("shows each live machine with parent, subject, state and time, and nothing of ended or stopped ones", () => {
    const { spawn, stop, tell, row, clock, observer } = observedSystem();
    spawn("a");
    spawn("b");
    tell("a", "go");
    clock.now = 400;
    expect(row("daemon")).toMatchObject({ machine: "root", parent: null, subject: "", state: "running" });
    expect(row("a")).toMatchObject({
      machine: "child",
      parent: "daemon",
      subject: "key of a",
      state: "working",
      sinceMs: 400,
      limitMs: 1000,
      stuck: false,
    });
    tell("a", "end");
    stop("b");
    expect(observer.rows().map(({ actor }) => actor)).toEqual(["daemon"]);
  });

  test("knows who made an actor, a machine or not", () => {
    const { spawn, tell, root, observer } = observedSystem();
    spawn("a");
    tell("a", "go");
    const child = [...observer.live()].find(({ actor }) => actor === "a")?.ref;
    if (child === undefined) throw new Error("no child");
    expect(observer.parentOf(root)).toBeUndefined();
    expect(observer.parentOf(child)).toBe(root);
    for (const effect of Object.values(child.getSnapshot().children as Readonly<Record<string, AnyActorRef>>))
      expect(observer.parentOf(effect)).toBe(child);
  });

  test("calls a machine stuck one second after its state's limit: the state's own timer may fire late", () => {
    const { spawn, tell, row, clock } = observedSystem();
    spawn("a");
    clock.now = 1e9;
    expect(row("a")).toMatchObject({ state: "idle", limitMs: null, stuck: false });
    tell("a", "go");
    clock.now += 2000;
    expect(row("a")?.stuck).toBe(false);
    clock.now += 1;
    expect(row("a")?.stuck).toBe(true);
  });

  test("starts a state's time anew when it is entered again, not for events without a transition", () => {
    const { spawn, tell, row, clock } = observedSystem();
    spawn("a");
    tell("a", "go");
    clock.now = 900;
    tell("a", "touch");
    expect(row("a")?.sinceMs).toBe(900);
    tell("a", "loop");
    expect(row("a")?.sinceMs).toBe(0);
  });

  test("measures an outer state's limit through the changes of its inner ones", () => {
    const { spawn, tell, row, clock } = observedSystem();
    spawn("a");
    for (const event of ["go", "deeper"] as const) tell("a", event);
    clock.now = 2500;
    expect(row("a")).toMatchObject({ state: "nested.first", limitMs: 3000 });
    tell("a", "step");
    expect(row("a")).toMatchObject({ state: "nested.second", sinceMs: 0, limitMs: 5000 });
    clock.now = 4000;
    tell("a", "loop");
    clock.now = 4600;
    tell("a", "step");
    clock.now = 6000;
    expect(row("a")).toMatchObject({ limitMs: 5000, stuck: false });
    clock.now = 6001;
    expect(row("a")).toMatchObject({ state: "nested.first", limitMs: 5000, stuck: true });
  });

  test("keeps the last 16 transitions of a machine and the last 1000 of all, states left at once included", () => {
    const { spawn, tell, row, observer } = observedSystem({ level: "error" });
    spawn("a");
    tell("a", "go");
    expect(row("a")?.lastTransitions.map(({ from, to, event }) => `${from}>${to} ${event}`)).toEqual([
      ">idle xstate.init",
      "idle>passing go",
      "passing>working go",
    ]);
    for (let turn = 0; turn < 1100; turn++) tell("a", "loop");
    expect(row("a")?.lastTransitions).toHaveLength(16);
    const recent = observer.recentTransitions();
    expect(recent).toHaveLength(1000);
    expect(recent.at(-1)).toEqual({
      at: 1_700_000_000_000,
      machine: "child",
      actor: "a",
      from: "working",
      to: "working",
      event: "loop",
    });
  });

  test("includes rows that have no actor", () => {
    const { observer } = observedSystem();
    const route = {
      machine: "route",
      actor: "10.244.9.0/24",
      parent: "routes",
      subject: "10.244.9.0/24",
      state: "installed",
      sinceMs: 5,
      limitMs: null,
      stuck: false,
      lastTransitions: [],
    };
    observer.registerRows(() => [route]);
    expect(observer.rows()).toContainEqual(route);
  });
});

describe("a machine that fails", () => {
  test("is logged and forgotten when its parent deals with it", () => {
    const { spawn, tell, row, logged } = observedSystem({ letGo: true });
    spawn("a");
    tell("a", "crash");
    expect(row("a")).toBeUndefined();
    expect(logged("machine failed")).toMatchObject([
      { level: "error", machine: "child", actor: "a", state: "idle", err: { message: "a bug" } },
    ]);
  });

  test("stays in the table as an error when its parent keeps it", () => {
    const { spawn, tell, row } = observedSystem({ letGo: false });
    spawn("a");
    tell("a", "crash");
    expect(row("a")).toMatchObject({ state: "error", error: "a bug" });
  });
});

describe("the log", () => {
  test("has one line per transition with the time in the state before, at the state's level", () => {
    const { spawn, tell, clock, logged } = observedSystem({ level: "info" });
    spawn("a");
    clock.now = 70;
    tell("a", "go");
    expect(logged("transition")).toEqual([
      {
        level: "warn",
        time: expect.any(String),
        machine: "child",
        actor: "a",
        subject: "key of a",
        from: "passing",
        to: "working",
        event: "go",
        heldMs: 0,
        msg: "transition",
      },
    ]);
  });

  test("says with a transition which failure led to it", async () => {
    const { spawn, tell, logged } = observedSystem();
    spawn("a");
    tell("a", "break");
    const back = () => logged("transition").find(({ from, to }) => from === "breaking" && to === "idle");
    await expect.poll(back).toMatchObject({
      failure: { code: "NO_SPACE", message: "no space left on /run/headcni" },
    });
  });

  test("says which failure a machine keeps once, and nothing else of it", () => {
    const { spawn, tell, logged, text } = observedSystem();
    spawn("a");
    tell("a", "giveUp");
    tell("a", "loop");
    expect(logged("transition").filter(({ failure }) => failure !== undefined)).toMatchObject([
      { from: "idle", to: "passing", failure: { code: "TIMEOUT", message: "took too long" } },
    ]);
    expect(text()).not.toContain("context-secret");
  });

  test("shows all transitions and ignored events at debug", () => {
    const { spawn, tell, logged, observer } = observedSystem();
    spawn("a");
    tell("a", "loop");
    expect(logged("transition")).toHaveLength(2);
    expect(logged("event ignored")).toMatchObject([
      { machine: "child", actor: "a", state: "idle", event: "loop" },
    ]);
    const child = [...observer.kinds()].find(({ name }) => name === "child");
    expect([...(child?.ignored ?? [])]).toEqual([["loop", 1]]);
  });

  test("never holds what stands in a context", () => {
    const { spawn, tell, text, observer } = observedSystem();
    spawn("a");
    for (const event of ["go", "loop", "deeper", "crash"] as const) tell("a", event);
    expect(text() + JSON.stringify([observer.rows(), observer.recentTransitions()])).not.toContain(
      "context-secret",
    );
  });
});

describe("a fault of the observer", () => {
  test("disables it with one line and leaves the machines alone", () => {
    const { spawn, tell, observer, root, logged } = observedSystem({
      subjectOf: () => {
        throw new Error("broken observer");
      },
    });
    spawn("a");
    tell("a", "go");
    expect(Object.values(root.getSnapshot().context.refs).map((ref) => ref.getSnapshot().value)).toEqual([
      "working",
    ]);
    expect(observer.disabled()).toBe(true);
    expect(logged("machine observer disabled")).toMatchObject([
      { level: "error", err: { message: "broken observer" } },
    ]);
  });
});
