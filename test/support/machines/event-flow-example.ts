import { sendTo, setup } from "xstate";
import type { Recipient } from "../../../machines/support/recipient.ts";

type AnswererEvent =
  | { readonly type: "example.asked" }
  | { readonly type: "example.untaken" }
  | { readonly type: "example.unsent" };

/** A machine to which something is sent that it does not take, and that takes what nobody sends. */
export const answererMachine = setup({ types: { events: {} as AnswererEvent } }).createMachine({
  id: "exampleAnswerer",
  initial: "waiting",
  states: { waiting: { on: { "example.asked": "waiting", "example.unsent": "waiting" } } },
});

/** Sends by it are out of the reader's sight. */
const say = sendTo;

export const askerMachine = setup({
  types: {
    input: {} as Recipient<AnswererEvent>,
    context: {} as { readonly answerer: Recipient<AnswererEvent> },
  },
  actions: {
    ask: sendTo(({ context }) => context.answerer, { type: "example.asked" }),
    askInVain: sendTo(({ context }) => context.answerer, { type: "example.untaken" }),
    sayAgain: say(({ context }) => context.answerer, { type: "example.asked" }),
  },
}).createMachine({
  id: "exampleAsker",
  context: ({ input }) => ({ answerer: input }),
  entry: ["ask", "askInVain", "sayAgain"],
});
