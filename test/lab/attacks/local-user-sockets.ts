import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import { inNetns } from "../netns.ts";
import { run } from "../run-command.ts";
import type { Attack } from "./attack.ts";

/** `nobody` of most systems. */
const user = "65534";

export const localUserSockets: Attack = {
  name: "local-user-sockets",
  promise: "local",
  does: `a local user without rights (uid ${user}) connects to the sockets of the daemon, headcni-wire and tailscaled`,
  run: async ({ lab, node }) => {
    const sockets = [
      node.cniSocket,
      node.httpSocket,
      join(node.runtimeDir, "wire-http.sock"),
      node.tailscaledSocket,
    ];
    const connectAs = async (uid: string) =>
      connectionsIn(await run(inNetns(node.netns, [lab.tools.attacker, "connect", uid, ...sockets])));
    const ofRoot = await connectAs("0");
    const missing = sockets.find((socket) => ofRoot[socket] !== "connected");
    // A socket that is not there says nothing.
    if (missing !== undefined)
      throw new LabError("NOT_READY", `root does not reach ${missing}: ${ofRoot[missing]}`);
    const ofUser = await connectAs(user);
    return sockets.map((socket) => ({
      saw: `${socket}: ${ofUser[socket]}`,
      harm: ofUser[socket] === "connected",
    }));
  },
};

/** How the kernel answered, by path, out of lines of `REASON PATH`: a reason has blanks, a path has none. */
export function connectionsIn(printed: string): Readonly<Record<string, string>> {
  const lines = printed.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => [line.slice(line.lastIndexOf(" ") + 1), line.slice(0, line.lastIndexOf(" "))]),
  );
}
