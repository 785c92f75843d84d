import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { signalProcess } from "../../lab/processes/processes.ts";
import { runResult } from "../../lab/run-command.ts";
import { serviceProcess } from "../../lab/services.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** Speaks the protocol of Node's debugger, which a running program opens on loopback at SIGUSR1. */
const client = `
const [{ webSocketDebuggerUrl }] = await (await fetch("http://127.0.0.1:9229/json")).json();
const socket = new WebSocket(webSocketDebuggerUrl);
socket.onopen = () =>
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: process.argv[1] } }));
socket.onmessage = () => socket.close();
`;

/**
 * Evaluates an expression inside a node's running daemon. For faults of its own code that nothing outside it brings about; the
 * daemon is to be restarted afterwards, which closes the debugger.
 */
export async function evaluateInDaemon(lab: Lab, node: LabNode, expression: string): Promise<void> {
  const daemon = await serviceProcess(lab, { name: "daemon", node: node.name });
  if (daemon === undefined) throw new Error(`the daemon of ${node.name} does not run`);
  signalProcess(daemon, "SIGUSR1");
  const command = [process.execPath, "--input-type=module", "-e", client, expression] as const;
  const evaluated = async () => (await runResult(inNetns(node.netns, command))).exitCode === 0;
  await waitUntil(evaluated, { what: "the daemon's debugger answers", timeoutMs: 60_000, everyMs: 200 });
}

/** A minute passes on the clock by which the daemon says how old states are. Its timers are not moved. */
export async function passMinuteInDaemon(lab: Lab, node: LabNode): Promise<void> {
  const passed = "performance.now = ((now) => () => now() + 60_000)(performance.now.bind(performance))";
  await evaluateInDaemon(lab, node, passed);
}
