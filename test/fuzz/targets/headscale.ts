import type { AddressInfo } from "node:net";
import { createHeadscale } from "../../../src/adapters/headscale/headscale-client.ts";
import { HeadscaleRequestError } from "../../../src/adapters/headscale/headscale-error.ts";
import { type FuzzTargetSource, wordsOfAsync } from "../fuzz-target.ts";
import { httpWords, openScriptedServer } from "./scripted-server.ts";

function declared(error: unknown): string | undefined {
  return error instanceof HeadscaleRequestError
    ? `${error.detail.code} ${"text" in error.detail ? error.detail.text : ""}`
    : undefined;
}

/** The input is the answer to every request. */
export const headscale: FuzzTargetSource = {
  words: [
    ...httpWords,
    ...[
      '{"nodes":[',
      '{"node":{',
      '"id":"1"',
      '"name":"n1"',
      '"approvedRoutes":["10.244.1.0/24"]',
      '"online":true',
    ],
    ...['{"preAuthKey":{"key":"', '{"users":[', '{"code":5,"message":"', '"title":"', '"detail":"'],
  ],
  open: async () => {
    const { server, answerWith, close } = await openScriptedServer({ host: "127.0.0.1", port: 0 });
    const { port } = server.address() as AddressInfo;
    const client = createHeadscale({
      url: `http://127.0.0.1:${port}`,
      readApiKey: () => ({ key: "hskey-api-none" }),
    });
    return {
      async run(input) {
        answerWith(input);
        const signal = AbortSignal.timeout(60_000);
        const words = [];
        for (const call of [
          () => client.probe(signal),
          () => client.authenticate(signal),
          () => client.createAuthKey(["tag:node"], signal),
          () => client.listNodes(signal),
          () => client.approveRoutes("1", ["10.244.1.0/24"], signal),
          () => client.removeNode("n1", ["10.244.1.0/24"], signal),
        ])
          words.push(await wordsOfAsync(call, declared));
        return words.join(" | ");
      },
      async close() {
        close();
        await client.close();
      },
    };
  },
};
