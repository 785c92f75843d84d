import { execa } from "execa";
import * as z from "zod";
import { parseJson } from "../../../domain/parse-json.ts";
import { ConnectTestError } from "./connect-test-error.ts";

export interface PluginCall {
  readonly command: "ADD" | "DEL";
  /** Path of the plugin. */
  readonly plugin: string;
  readonly containerId: string;
  readonly netns: string;
  readonly networkName: string;
  readonly socketPath: string;
}

const result = z.object({ ips: z.array(z.object({ address: z.string() })) });
const refusal = z.object({ code: z.int(), msg: z.string(), details: z.string().optional() });
/** Above the plugin's own deadline of 10 s. */
const answerMs = 20_000;

/** One call of our CNI plugin, as a container runtime makes it; addresses without prefix length. Throws ConnectTestError. */
export async function callPlugin(call: PluginCall): Promise<readonly string[]> {
  const { code, stdout } = await runPlugin(call);
  const json = parseJson(stdout);
  if (code === 0) {
    if (call.command === "DEL") return [];
    const answer = result.safeParse(json);
    if (answer.success) return answer.data.ips.map(({ address }) => address.split("/")[0] ?? address);
  }
  const said = refusal.safeParse(json);
  if (!said.success)
    throw new ConnectTestError(`the CNI plugin ended with ${code} and no answer`, { code: "PLUGIN_FAILED" });
  const { code: cniCode, msg, details } = said.data;
  const text = details === undefined || details === "" ? msg : `${msg}: ${details}`;
  throw new ConnectTestError(`${text} (CNI code ${cniCode})`, { code: "PLUGIN_FAILED", cniCode });
}

async function runPlugin(
  call: PluginCall,
): Promise<{ readonly code: number | string; readonly stdout: string }> {
  const { command, plugin, containerId, netns, networkName, socketPath } = call;
  const ended = await execa(plugin, [], {
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: plugin.slice(0, plugin.lastIndexOf("/")),
    },
    extendEnv: false,
    input: JSON.stringify({ cniVersion: "1.0.0", name: networkName, type: "headcni", socketPath }),
    stderr: "ignore",
    timeout: answerMs,
    reject: false,
  });
  const { exitCode, signal, code, cause, stdout = "" } = ended;
  if (exitCode === undefined && signal === undefined)
    throw new ConnectTestError(
      `the CNI plugin ${plugin} does not start: ${code}`,
      { code: "PLUGIN_FAILED" },
      { cause },
    );
  return { code: exitCode ?? signal ?? "no code", stdout };
}
