import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { PreferencesEdit } from "../../../src/domain/owner/owner-preferences.ts";

/** What the stand-in's owner made of it, in tailscaled's words. */
export interface StandInState {
  profile: string;
  readonly profiles: { readonly ID: string; readonly Name: string }[];
  readonly prefs: Record<string, Record<string, unknown>>;
  status: Record<string, unknown>;
}

/**
 * Answers on a unix socket as a tailscaled does, with what a test puts into `state`: for faults that a real one shows by chance only.
 * `before` runs before each answer, `edits` are the bodies of PATCH prefs.
 */
export async function standInTailscaled(socket: string) {
  const state: StandInState = {
    profile: "a1b2",
    profiles: [
      { ID: "a1b2", Name: "home" },
      { ID: "c3d4", Name: "work" },
    ],
    prefs: {
      a1b2: {
        ControlURL: "http://10.99.0.1:8080",
        Config: { NodeID: "7" },
        AdvertiseRoutes: ["192.168.7.0/24"],
        NetfilterMode: 2,
      },
      c3d4: { ControlURL: "http://10.99.0.1:8080", Config: { NodeID: "8" }, AdvertiseRoutes: null },
    },
    status: {
      Version: "1.102.3-tabc",
      TUN: true,
      BackendState: "Running",
      Self: { ID: "7", Online: true, TailscaleIPs: ["100.64.0.7"], PrimaryRoutes: ["10.244.1.0/24"] },
    },
  };
  const edits: PreferencesEdit[] = [];
  const hooks: { before: (request: string) => void | Promise<void> } = { before: () => undefined };

  async function answer(request: IncomingMessage): Promise<unknown> {
    const path = (request.url ?? "").replace("/localapi/v0/", "").replace(/\?.*/, "");
    await hooks.before(`${request.method} ${path}`);
    const current = state.prefs[state.profile] ?? {};
    switch (`${request.method} ${path}`) {
      case "GET profiles/current":
        return state.profiles.find(({ ID }) => ID === state.profile) ?? { ID: "", Name: "" };
      case "GET profiles/":
        return state.profiles;
      case "GET status":
        return state.status;
      case "GET prefs":
        return current;
      case "PATCH prefs": {
        const chunks: Buffer[] = [];
        for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
        const edit = JSON.parse(Buffer.concat(chunks).toString()) as PreferencesEdit;
        edits.push(edit);
        if (edit.AdvertiseRoutesSet) current["AdvertiseRoutes"] = edit.AdvertiseRoutes;
        if (edit.RouteAllSet) current["RouteAll"] = edit.RouteAll;
        return current;
      }
      default:
        throw new Error(`nobody asks ${request.method} ${path}`);
    }
  }
  const server = createServer((request, response) => {
    answer(request).then(
      (body) => response.end(JSON.stringify(body)),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    state,
    edits,
    hooks,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
