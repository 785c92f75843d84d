import { readdirSync, statSync } from "node:fs";
import { connect } from "node:net";

/** `local-user-process.ts UID PATH...`: becomes that user, tries to open each path, and writes what came of it as JSON. */
const [uid = "", ...paths] = process.argv.slice(2);
// Looked at while it may be: a socket that is not there would be no proof.
const isSocket = new Map(paths.map((path) => [path, statSync(path).isSocket()]));
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));

function connected(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve("open");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function listed(path: string): string {
  try {
    readdirSync(path);
    return "open";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const outcomes: [string, string][] = [];
for (const path of paths)
  outcomes.push([path, isSocket.get(path) === true ? await connected(path) : listed(path)]);
console.log(JSON.stringify(Object.fromEntries(outcomes)));
