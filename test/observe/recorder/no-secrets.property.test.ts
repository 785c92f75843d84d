import fc from "fast-check";
import { expect, test } from "vitest";
import { assign, createActor, fromPromise, type InspectionEvent, sendTo, setup, stopChild } from "xstate";
import { HeadcniError } from "../../../src/domain/failure.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { momentAt, recordedDetails, spanOf } from "../../../src/observe/recorder/moments.ts";
import { readRecording } from "../../../src/observe/recorder/read-recording.ts";
import { createRecorder } from "../../../src/observe/recorder/recorder.ts";

/** What a child is told: fields of any name may hold a key. */
type Told = { readonly type: `told.${string}` } & Readonly<Record<string, unknown>>;

/** A machine with a text in every place from which the recorder takes one: ids, subject, types of events, failures and errors. */
const childModel = setup({
  types: { context: {} as { key: string; failure: unknown }, input: {} as string, events: {} as Told },
  actors: {
    breaks: fromPromise<never, string>(({ input }) => Promise.reject(new Error(`refused: ${input}`))),
    breaksByCode: fromPromise<never, string>(({ input }) =>
      Promise.reject(new HeadcniError(`refused: ${input}`, { code: input })),
    ),
    breaksWithText: fromPromise<never, string>(({ input }) => Promise.reject(input)),
    breaksWithFields: fromPromise<never, string>(({ input }) => Promise.reject({ authKey: input })),
  },
  actions: {
    crash: ({ context }) => {
      throw new Error(context.key);
    },
  },
}).createMachine({
  id: "child",
  context: ({ input }) => ({ key: input, failure: { code: input, message: input } }),
  initial: "first",
  on: { "told.*": { actions: assign({ failure: ({ event }) => event }) } },
  states: {
    first: {
      invoke: { src: "breaks", id: "breaks", input: ({ context }) => context.key, onError: "second" },
    },
    second: { invoke: { src: "breaksByCode", input: ({ context }) => context.key, onError: "third" } },
    third: { invoke: { src: "breaksWithText", input: ({ context }) => context.key, onError: "fourth" } },
    fourth: { invoke: { src: "breaksWithFields", input: ({ context }) => context.key, onError: "last" } },
    last: { on: { "told.crash": { actions: "crash" } } },
  },
});

type RootEvent = { readonly type: "spawn" } | { readonly type: "tell"; readonly told: Told };
const rootModel = setup({
  types: { context: {} as { text: string }, input: {} as string, events: {} as RootEvent },
  actors: { childModel },
}).createMachine({
  id: "root",
  context: ({ input }) => ({ text: input }),
  on: {
    spawn: {
      actions: assign(({ context, spawn }) => {
        spawn("childModel", { id: `child of ${context.text}`, input: context.text });
        return {};
      }),
    },
    tell: {
      actions: sendTo(
        ({ context, self }) => self.getSnapshot().children[`child of ${context.text}`] ?? self,
        ({ event }) => event.told,
      ),
    },
    "xstate.error.actor.*": {
      actions: stopChild(({ event }) => (event as unknown as { actorId: string }).actorId),
    },
  },
});

/** What the recorder gives of a system in which `text` stands everywhere; `hidden` is known as a secret, before or only after. */
async function recordingOf(text: string, hidden: string | undefined, late: boolean) {
  const { log, redact, hide } = createLogger({
    level: "info",
    base: {},
    destination: { write: () => undefined },
  });
  if (hidden !== undefined && !late) hide(hidden);
  const recorder = createRecorder({
    daemon: { node: "n1", version: "0", pid: 1 },
    machines: { parentOf: (ref) => observer.parentOf(ref) },
    redact,
    broke: (error) => {
      throw error;
    },
  });
  const observer = createMachineObserver({
    log,
    listener: recorder.listener,
    subjectOf: (_, context) => (context as { readonly key?: string }).key ?? "",
  });
  const inspect = (event: InspectionEvent) => {
    observer.inspect(event);
    recorder.inspect(event);
  };
  const root = createActor(rootModel, { id: text, input: text, inspect });
  root.subscribe({ error: () => undefined });
  root.start();
  root.send({ type: "spawn" });
  const tell = (told: Told) => root.send({ type: "tell", told });
  tell({ type: `told.${text}`, authKey: text, apiKey: [text], nested: { deep: { token: text } } });
  tell({ type: "told.failure", failure: { code: text, message: text, more: text } });
  tell({ type: "told.error", error: new Error(text) });
  tell({ type: "told.error", error: { headers: { authorization: `Bearer ${text}` } } });
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  tell({ type: "told.crash" });
  root.stop();
  if (hidden !== undefined && late) hide(hidden);
  return recorder.page();
}

const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"];
const random = fc.string({ unit: fc.constantFrom(...letters), minLength: 24, maxLength: 90 });
/** Keys that are known by their shape, and what of them is secret. */
const shaped = fc
  .tuple(
    fc.constantFrom("hskey-auth-", "hskey-api-", "tskey-auth-", "privkey:", "nlpriv:", "Bearer "),
    random,
  )
  .map(([shape, secret]) => ({ text: `${shape}${secret}`, secret, hidden: undefined, late: false }));
/** Keys that the configuration names: of any shape. */
const named = (late: boolean, ...further: readonly string[]) =>
  fc
    .string({ unit: fc.constantFrom(...letters, ...further), minLength: 24, maxLength: 90 })
    .map((secret) => ({ text: secret, secret, hidden: secret, late }));
const odd = ['"', "\\", "/", " ", "ä", "{", "="];
const secrets = fc.oneof(shaped, named(false, "\n", "\t", ...odd), named(true, ...odd));

/** Pieces of the secret: half a key is one, too. */
function piecesOf(secret: string): readonly string[] {
  return Array.from({ length: secret.length - 11 }, (_, start) => secret.slice(start, start + 12));
}

test("a key is in no recording, wherever among the machines it stood, neither whole nor in part", async () => {
  // Of lengths at which texts are cut, too.
  const padding = fc
    .tuple(fc.constantFrom("x", "ä", '"'), fc.integer({ min: 0, max: 320 }))
    .map(([one, times]) => one.repeat(times));
  await fc.assert(
    fc.asyncProperty(secrets, padding, padding, async ({ text, secret, hidden, late }, before, after) => {
      // What is only known later was cut before, perhaps within.
      const around = late ? text : `${before} ${text} ${after}`;
      const page = await recordingOf(around, hidden, late);
      const written = JSON.stringify(page);
      const recording = readRecording(written);
      const { lastSeq } = spanOf(recording);
      const { actors, entries } = momentAt(recording, { seq: lastSeq });
      // The places where it stood are there.
      expect(entries.length).toBeGreaterThan(8);
      const shown = JSON.stringify([
        recording,
        actors,
        actors.map(({ key }) => recordedDetails(recording, key, { seq: lastSeq })),
      ]);
      for (const piece of piecesOf(secret)) {
        const inJson = JSON.stringify(piece).slice(1, -1);
        for (const all of [written, shown, page.segments.flatMap(({ texts }) => texts).join("\n")]) {
          expect(all).not.toContain(piece);
          expect(all).not.toContain(inJson);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test("a key that only its field tells is not in the message that quotes it", async () => {
  const page = await recordingOf('{"authKey":"0f3a9c", "apiKey":["1b2c3d"]}', undefined, false);
  expect(JSON.stringify(page)).toContain("authKey");
  expect(JSON.stringify(page)).not.toMatch(/0f3a9c|1b2c3d/);
});

test("a text that is no key stands in every such place", async () => {
  const { texts } = (await recordingOf("ordinary", undefined, false)).segments[0] ?? { texts: [] };
  const places = [
    /\troot\tordinary\t$/,
    /\tchild\tchild of ordinary\tordinary$/,
    /^told\.ordinary$/,
    /^{"failure":{"code":"ordinary","message":"ordinary"}}$/,
    /^{"failure":{"code":"UNEXPECTED","message":"ordinary"}}$/,
    /^{"failure":{"code":"UNEXPECTED","message":"refused: ordinary"}}$/,
    /^{"failure":{"code":"ordinary","message":"refused: ordinary"}}$/,
    /^ordinary$/,
  ];
  expect(places.filter((place) => !texts.some((text) => place.test(text)))).toEqual([]);
});
