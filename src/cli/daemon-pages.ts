import type * as z from "zod";
import type { MachineRow } from "../observe/machines-page.ts";
import { CliError } from "./cli-error.ts";
import type { DaemonClient } from "./daemon-client.ts";

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
      "FAILED",
      `the daemon's answer to ${path} (status ${status}) is not understood: is it of another version?`,
      error,
    );
  }
}
