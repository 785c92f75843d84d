import { test } from "vitest";
import { type LinkGone, linksMachine } from "../../../machines/links/links-machine.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

test("walks all its transitions", async () => {
  const pod = recorder<LinkGone>();
  await walkAllTransitions(linksMachine, {
    input: undefined,
    events: [{ type: "link.left", replyTo: pod.ref }],
    stateKey: ({ context }) => [context.waiting.length, context.leaving.length],
    possible: ({ context }, { type }) =>
      type !== "link.left" || context.waiting.length + context.leaving.length < 2,
  });
});
