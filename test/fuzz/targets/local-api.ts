import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTailnet } from "../../../src/adapters/tailscale/tailnet-client.ts";
import { TailscaleError } from "../../../src/adapters/tailscale/tailscale-error.ts";
import { actsOnTerminal } from "../../support/acts-on-terminal.ts";
import { type FuzzTargetSource, withoutValues, wordsOfAsync } from "../fuzz-target.ts";
import { httpWords, openScriptedServer } from "./scripted-server.ts";

const wanted = { controlUrl: "http://10.99.0.1:8080", hostname: "n1", advertiseRoutes: ["10.244.1.0/24"] };

function declared(error: unknown): string | undefined {
  return error instanceof TailscaleError
    ? `${error.detail.code} ${"text" in error.detail ? error.detail.text : ""}`
    : undefined;
}

/** The input is the answer to every request: of status, preferences, ping and bus. */
export const localApi: FuzzTargetSource = {
  words: [
    ...httpWords,
    ...[
      '"BackendState":"Running"',
      '"Self":{',
      '"Peer":{',
      '"HostName":"',
      '"PrimaryRoutes":[',
      '"AdvertiseRoutes":[',
    ],
    ...[
      '"ErrMessage":"',
      '"State":6',
      '"PeersChanged":[',
      '"DiscoKey":"',
      '"Prefs":{',
      '"AutoUpdate":{',
      '"Err":"',
      '"LatencySeconds":',
    ],
  ],
  open: async () => {
    const folder = mkdtempSync(join(tmpdir(), "headcni-fuzz-"));
    const socket = join(folder, "tailscaled.sock");
    const { answerWith, close } = await openScriptedServer({ path: socket });
    return {
      async run(input) {
        answerWith(input);
        const signal = AbortSignal.timeout(60_000);
        const tailnet = createTailnet(socket, async () => undefined);
        const status = async () => {
          const read = await tailnet.status(signal);
          if (read.peers.some(({ hostName }) => actsOnTerminal(hostName)))
            throw new Error("a peer's name acts on a terminal");
          return read;
        };
        try {
          return [
            await wordsOfAsync(status, declared),
            await wordsOfAsync(() => tailnet.pulse(signal), declared),
            await wordsOfAsync(() => tailnet.reconcilePrefs(wanted, signal), declared),
            await wordsOfAsync(() => tailnet.withdrawRoutes(wanted.advertiseRoutes, signal), declared),
            await wordsOfAsync(() => tailnet.discoPing("100.64.0.1", signal), declared),
            await followed(tailnet),
          ].join(" | ");
        } finally {
          tailnet.close();
        }
      },
      close() {
        close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

/** The bus until its end. */
function followed(tailnet: ReturnType<typeof createTailnet>): Promise<string> {
  return new Promise((resolve) => {
    const heard = new Set<string>();
    tailnet.watch(
      ({ prefs, renewed }) => heard.add(`${prefs} ${renewed.length > 0}`),
      (error) => resolve(withoutValues(`${[...heard].join()} ${error.message}`)),
    );
  });
}
