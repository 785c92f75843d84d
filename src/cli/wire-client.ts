import { dirname } from "node:path";
import { runtimePaths } from "../config/runtime-paths.ts";
import { createDaemonClient, type DaemonClient } from "./daemon-client.ts";

/** headcni-wire's pages: its socket is beside the daemon's. */
export function wireClient({ socketPath }: Pick<DaemonClient, "socketPath">): DaemonClient {
  return createDaemonClient(runtimePaths({ runtimeDir: dirname(socketPath), stateDir: "" }).wireHttpSocket);
}
