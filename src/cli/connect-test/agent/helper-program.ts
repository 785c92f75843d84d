import { execa } from "execa";
import { type JsonLinesClient, jsonLinesClient } from "./json-lines.ts";

/** A program that answers JSON lines on its standard streams. */
export interface HelperProgram {
  readonly client: JsonLinesClient;
  /** Ends its stdin and waits until it has ended; after `limitMs` it gets SIGTERM. */
  end(limitMs?: number): Promise<void>;
}

/** Starts it. It being gone, or never there, is told by the client: in the last lines of its stderr, or how it ended. */
export function startHelperProgram(command: readonly string[]): HelperProgram {
  const [program = "", ...args] = command;
  const child = execa(program, args, {
    stdin: "pipe",
    buffer: { stdout: false, stderr: true },
    reject: false,
  });
  const ended = child.then(({ stderr = "", signal, exitCode, shortMessage }) => {
    const lines = stderr.trim().split("\n").slice(-3).join("; ");
    if (lines !== "") return lines;
    return signal === undefined && exitCode === undefined
      ? (shortMessage ?? "it did not start")
      : `it ended with ${signal ?? exitCode}`;
  });
  return {
    client: jsonLinesClient(child.stdin, child.stdout, ended),
    end: async (limitMs) => {
      child.stdin.end();
      const limit = limitMs === undefined ? undefined : setTimeout(() => child.kill("SIGTERM"), limitMs);
      await ended;
      clearTimeout(limit);
    },
  };
}
