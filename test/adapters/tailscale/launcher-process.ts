/**
 * headcni-wire in a namespace that is X already: runs tailscaled as it does, again after each end, and says so in wire.json.
 * Argument: TailscaledOptions as JSON.
 */
import { readlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { startTimeOf } from "../../../src/adapters/tailscale/process-identity.ts";
import {
  type TailscaledOptions,
  tailscaledSocket,
} from "../../../src/adapters/tailscale/tailscaled-command.ts";
import { launchTailscaled } from "../../../src/adapters/wire/launch-tailscaled.ts";
import { wireRecordPath, writeWireRecord } from "../../../src/adapters/wire/wire-record.ts";
import type { TailscaledProcess } from "../../../src/ports/tailnet.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as TailscaledOptions;
const [netnsInode = ""] = /\d+/.exec(await readlink("/proc/self/ns/net")) ?? [];
const startTime = (await startTimeOf(process.pid)) ?? "";

const publish = (tailscaled: TailscaledProcess | null) =>
  writeWireRecord(wireRecordPath(options.runtimeDir), {
    version: 1,
    pid: process.pid,
    startTime,
    netnsInode,
    tailscaled,
    socket: tailscaledSocket(options.runtimeDir),
    startedAt: new Date().toISOString(),
  });

for (;;) {
  await publish(null);
  const failure = await new Promise<{ readonly message: string }>((ended) => {
    launchTailscaled(options, { answers: (tailscaled) => void publish(tailscaled), ended });
  });
  console.error(failure.message);
  await delay(100);
}
