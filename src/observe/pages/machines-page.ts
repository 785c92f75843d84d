import * as z from "zod";
import type { PageOf } from "./page-of.ts";

/** The body of `/debug/machines`. What a newer program adds to it passes. */

const activeState = z.looseObject({
  /** Its dotted path. */
  state: z.string(),
  sinceMs: z.number(),
  limitMs: z.number().nullable(),
  stuck: z.boolean(),
});

/** A machine and the state it is in. */
const machineState = z.looseObject({
  machine: z.string(),
  actor: z.string(),
  parent: z.string().nullable(),
  subject: z.string(),
  /** Of parallel regions all at once. */
  ...activeState.shape,
  /** The states around it that have a limit of their own, whose time goes on while the inner ones take turns. */
  outer: z.array(activeState).optional(),
  /** The innermost state of each parallel region. Without a limit of its own: how long all regions have been as they are. */
  regions: z.array(activeState).optional(),
  error: z.string().optional(),
});

/** One transition; `at` is in milliseconds of the wall clock. */
const transition = z.looseObject({
  at: z.number(),
  machine: z.string(),
  actor: z.string(),
  from: z.string(),
  to: z.string(),
  event: z.string(),
});

const machineRow = machineState.extend({
  lastTransitions: z.array(transition.omit({ machine: true, actor: true })),
});

export const machinesPageSchema = z.looseObject({
  machines: z.array(machineRow),
  recentTransitions: z.array(transition),
});

export type Transition = PageOf<typeof transition>;
export type MachineState = PageOf<typeof machineState>;
export type MachineRow = PageOf<typeof machineRow>;
export type MachinesPage = PageOf<typeof machinesPageSchema>;
