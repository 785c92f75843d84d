import { setTimeout as delay } from "node:timers/promises";
import { waitForDaemon } from "../headcni/daemon.ts";
import { nodeOf } from "../lab-store.ts";
import type { Lab } from "../lab-types.ts";
import { addPod, type Pod } from "../pods.ts";
import { killService, serviceProcess, startService } from "../services.ts";
import { type ProbeReport, type ReadReport, startProbe, startRead } from "../traffic/traffic.ts";
import type { Screen } from "./screen.ts";

const probeIntervalMs = 5;
const bytesPerSecond = 20_000_000;

/**
 * Kills a daemon and Headscale while two pods on different nodes exchange datagrams and a transfer runs, brings both
 * back, and prints what was lost. True if nothing was.
 */
export async function showFaults(screen: Screen, lab: Lab, from: Pod, to: Pod): Promise<boolean> {
  const node = nodeOf(lab, from.node);
  const start = performance.now();
  const tell = (text: string) =>
    screen.print(`   ${((performance.now() - start) / 1000).toFixed(1).padStart(4)} s  ${text}`);
  const probe = await startProbe(from, to.address, probeIntervalMs);
  const read = await startRead(to, from, bytesPerSecond);
  tell(
    `${from.name} sends ${to.name} a datagram every ${probeIntervalMs} ms; ${to.name} downloads from ${from.name}`,
  );
  await delay(2000);
  const daemon = await serviceProcess(lab, { name: "daemon", node: node.name });
  await killService(lab, { name: "daemon", node: node.name });
  tell(`kill -9: the HeadCNI daemon of ${node.name} (pid ${daemon?.pid})`);
  const headscale = await serviceProcess(lab, { name: "headscale" });
  await killService(lab, { name: "headscale" });
  tell(`kill -9: Headscale (pid ${headscale?.pid})`);
  await delay(3000);
  await startService(lab, { name: "daemon", node: node.name });
  tell(`the daemon of ${node.name} starts again, Headscale is still away`);
  const late = await addPod(lab, node.name, "late");
  tell(`cnitool ADD of a new pod on ${node.name} without Headscale: ${late.address}`);
  const fresh = await startProbe(late, to.address, probeIntervalMs);
  await delay(2000);
  const { sent, received } = await fresh.stop();
  tell(`the new pod and ${to.name}: ${received} of ${sent} datagrams answered`);
  await startService(lab, { name: "headscale" });
  tell("Headscale is back");
  await waitForDaemon(lab, node);
  tell(`the daemon of ${node.name} has proven its route again`);
  await delay(1000);
  const [datagrams, transfer] = await Promise.all([probe.stop(), read.stop()]);
  return report(screen, datagrams, transfer) && received === sent && sent > 0;
}

function report(screen: Screen, datagrams: ProbeReport, transfer: ReadReport): boolean {
  const lost = datagrams.sent - datagrams.received;
  const good = lost === 0 && datagrams.sent > 0 && transfer.error === undefined && transfer.bytes > 0;
  const paint = good ? screen.good : screen.bad;
  const silence = (ms: number) => `longest silence ${ms.toFixed(0)} ms`;
  screen.print(
    "",
    `   datagrams: ${datagrams.sent} sent, ${datagrams.received} answered, ${paint(`${lost} lost`)}, ${silence(datagrams.longestSilenceMs)}`,
    `   transfer:  ${(transfer.bytes / 1e6).toFixed(0)} MB, ${paint(transfer.error ?? "unbroken")}, ${silence(transfer.longestSilenceMs)}`,
  );
  return good;
}
