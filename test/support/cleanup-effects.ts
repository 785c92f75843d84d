import { fromPromise } from "xstate";

/** Effects of the cleanup machine, in their order. */
export const cleanupOrder = [
  "unpublish",
  "restore",
  "withdraw",
  "confirm",
  "detach",
  "end",
  "removeGuard",
  "removeRecords",
] as const;
export type CleanupEffect = (typeof cleanupOrder)[number];

/** The effects on a node that does what the test says; `asked` has them in the order they ran. */
export function cleanupEffects() {
  const world = {
    asked: [] as CleanupEffect[],
    /** Each of these fails once. */
    fail: new Set<CleanupEffect>(),
    hang: new Set<CleanupEffect>(),
    announces: ["10.244.1.0/24"] as readonly string[] | null,
    restores: false,
    wireRuns: true,
    wireIsKept: false,
  };
  const run = async <Result>(name: CleanupEffect, result: Result): Promise<Result> => {
    world.asked.push(name);
    if (world.hang.has(name)) return await new Promise(() => undefined);
    if (world.fail.delete(name)) throw new Error(`${name} failed`);
    return result;
  };
  const actors = {
    unpublish: fromPromise<void, void>(() => run("unpublish", undefined)),
    restore: fromPromise<boolean, void>(() => run("restore", world.restores)),
    withdraw: fromPromise<readonly string[] | null, void>(() => run("withdraw", world.announces)),
    confirm: fromPromise<void, { readonly prefixes: readonly string[] }>(() => run("confirm", undefined)),
    detach: fromPromise<number, void>(() => run("detach", 3)),
    end: fromPromise<boolean, void>(async () => {
      const ended = await run("end", world.wireRuns);
      world.wireRuns = world.wireIsKept;
      return ended;
    }),
    removeGuard: fromPromise<void, void>(() => run("removeGuard", undefined)),
    removeRecords: fromPromise<void, void>(() => run("removeRecords", undefined)),
  };
  return { world, actors };
}
