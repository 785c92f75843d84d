import { answerCall } from "../../../cni/call.ts";
import { parseReply } from "../../../src/protocol/reply.ts";
import { fakePlatform } from "../../cni/fake-platform.ts";
import { type FuzzTargetSource, withoutValues } from "../fuzz-target.ts";

const netns = "/run/netns/c1";
const commands = ["ADD", "CHECK", "DEL", "STATUS"] as const;
const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0" }], ips: [], routes: [], dns: {} };
const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "headcni", type: "headcni", prevResult });

/** The plugin's answer to a call that the daemon answered with these bytes and the end of the connection. */
function answered(command: (typeof commands)[number], bytes: string): string {
  const platform = fakePlatform({
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "c1",
      CNI_NETNS: netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
    },
    input: { ok: true, text: stdin },
    netns: { [netns]: "usable" },
    daemon: { kind: "sends", bytes },
  });
  const { stdout, exitCode } = answerCall(platform);
  if (stdout === "") return `${command} ${exitCode}`;
  const said = JSON.parse(stdout) as {
    readonly cniVersion?: unknown;
    readonly code?: unknown;
    readonly msg?: unknown;
  };
  if (typeof said.cniVersion !== "string") throw new Error("an answer of the plugin has no cniVersion");
  if (exitCode === 1 && typeof said.code !== "number") throw new Error("an error of the plugin has no code");
  return withoutValues(`${command} ${exitCode} ${said.code ?? ""} ${said.msg ?? ""}`);
}

/** The input is what the daemon sends. */
export const cniReply: FuzzTargetSource = {
  words: [
    "\n",
    '{"wire":1,"ok":true,"result":',
    '{"wire":1,"ok":false,"error":',
    '"interfaces":[',
    '"ips":[',
    '"routes":[',
    '"interface":0',
  ],
  open: () => ({
    run(input) {
      const bytes = input.toString("utf8");
      const [line = ""] = bytes.split("\n");
      const parsed = parseReply(line, true);
      const read = parsed.ok ? "read" : withoutValues(parsed.failure.details);
      return [read, ...commands.map((command) => answered(command, bytes))].join(" | ");
    },
  }),
};
