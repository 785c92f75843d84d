import * as z from "zod";
import { CliError } from "./cli-error.ts";
import type { DaemonClient } from "./daemon-client.ts";

/** Rows of `/debug/machines`, as far as commands read them; what a newer daemon adds passes. */
export const machineRowSchema = z.looseObject({
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

export type MachineRow = z.output<typeof machineRowSchema>;

/** The state whose limit is over: that around the machine's own state where it is that one's, otherwise its own. */
export function stuckState(row: MachineRow): Pick<MachineRow, "state" | "sinceMs" | "limitMs"> {
  return row.outer?.find(({ stuck }) => stuck) ?? row;
}

/** A JSON page of the daemon, whatever its status. Throws CliError when the answer is of another shape. */
export async function readPage<Schema extends z.ZodType>(
  daemon: DaemonClient,
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const { status, body } = await daemon.get(path);
  try {
    return schema.parse(JSON.parse(body));
  } catch (error) {
    throw new CliError(
      `the daemon's answer to ${path} (status ${status}) is not understood: is it of another version?`,
      { code: "FAILED" },
      { cause: error },
    );
  }
}
