import * as z from "zod";

const stepSchema = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("transition"),
    atMs: z.number(),
    machine: z.string(),
    from: z.string(),
    to: z.string(),
    event: z.string(),
  }),
  z.looseObject({
    kind: z.literal("operation"),
    atMs: z.number(),
    ms: z.number(),
    name: z.string(),
    failure: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
    parts: z.array(z.looseObject({ name: z.string(), ms: z.number() })),
  }),
  z.looseObject({ kind: z.literal("wait"), atMs: z.number(), ms: z.number().nullable(), why: z.string() }),
]);

/** Body of the daemon's `/debug/trace`; what a newer daemon adds passes. */
export const tracePageSchema = z.looseObject({
  calls: z.array(
    z.looseObject({
      id: z.string(),
      command: z.string(),
      containerId: z.string(),
      ifname: z.string(),
      netns: z.string(),
      pod: z.looseObject({ namespace: z.string(), name: z.string(), uid: z.string() }),
      traceparent: z.string(),
      startedAt: z.number(),
      ms: z.number().nullable(),
      outcome: z.string(),
      error: z.looseObject({ code: z.number(), msg: z.string(), details: z.string() }).nullable(),
      addresses: z.array(z.string()),
      steps: z.array(stepSchema),
      dropped: z.number(),
    }),
  ),
});

export type TracedCall = z.output<typeof tracePageSchema>["calls"][number];
export type TracedStep = TracedCall["steps"][number];
