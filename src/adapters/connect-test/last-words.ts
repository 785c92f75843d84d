import type { ChildProcess } from "node:child_process";

/** Resolves once the process and its streams have ended: with the last lines of its stderr, or how it ended. */
export function lastWords(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => said.push(text));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => {
      const lines = said.join("").trim().split("\n").slice(-3).join("; ");
      resolve(lines === "" ? `it ended with ${signal ?? code}` : lines);
    });
  });
}
