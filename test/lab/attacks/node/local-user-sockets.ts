import { dirname, join } from "node:path";
import { LabError } from "../../lab-error.ts";
import type { Attack } from "../attack.ts";
import { reachedBy, users } from "./local-user.ts";

export const localUserSockets: Attack = {
  name: "local-user-sockets",
  promise: "local",
  does: `a local user without rights (uid ${users.nobody}) opens the sockets of the daemon, headcni-wire and tailscaled, and their folders`,
  run: async ({ node }) => {
    const closed = [
      node.cniSocket,
      node.httpSocket,
      // In mode host there is no headcni-wire, and the owner's tailscaled itself looks at who asks.
      ...(node.mode === "host" ? [] : [join(node.runtimeDir, "wire-http.sock"), node.tailscaledSocket]),
      node.runtimeDir,
      node.stateDir,
    ];
    // What stops the user must be ours: the way there is open, and root gets through.
    const ways = [...new Set([node.runtimeDir, node.stateDir].map(dirname))];
    const honest = [await reachedBy("nobody", node, ways), await reachedBy("root", node, closed)];
    const shut = honest.flatMap((reached) => Object.entries(reached)).find(([, how]) => how !== "open");
    if (shut !== undefined) throw new LabError("NOT_READY", `${shut[0]} is closed to all: ${shut[1]}`);
    const reached = await reachedBy("nobody", node, closed);
    return Object.entries(reached).map(([path, how]) => ({ saw: `${path}: ${how}`, harm: how !== "EACCES" }));
  },
};
