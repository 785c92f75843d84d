import * as z from "zod";

/** Rows of `/debug/machines`, as far as they are read; what a newer program adds passes. */
const machineRowSchema = z.looseObject({
  machine: z.string(),
  actor: z.string(),
  parent: z.string().nullable(),
  subject: z.string(),
  state: z.string(),
  sinceMs: z.number(),
  limitMs: z.number().nullable(),
  stuck: z.boolean(),
  outer: z
    .array(z.looseObject({ state: z.string(), sinceMs: z.number(), limitMs: z.number(), stuck: z.boolean() }))
    .optional(),
  error: z.string().optional(),
  lastTransitions: z.array(
    z.looseObject({ at: z.number(), from: z.string(), to: z.string(), event: z.string() }),
  ),
});

export const machinesPageSchema = z.looseObject({
  machines: z.array(machineRowSchema),
  recentTransitions: z.array(
    z.looseObject({
      at: z.number(),
      machine: z.string(),
      actor: z.string(),
      from: z.string(),
      to: z.string(),
      event: z.string(),
    }),
  ),
});

/** A row as its reader knows it. */
export type MachineRow = z.output<typeof machineRowSchema>;
