import * as z from "zod";
import type { TestNode, TestTarget, WayObservation } from "../diagnose/observation.ts";
import { startHelperProgram } from "./helper-program.ts";

const echo = z.number().nullable();
const echoPair = z.object({ small: echo, full: echo });
const peer = z.object({
  name: z.string(),
  tailnetAddress: z.string(),
  online: z.boolean(),
  podCidrs: z.array(z.string()),
});
const testNode = z.object({
  name: z.string(),
  podCidrs: z.array(z.string()),
  routerAddress: z.string(),
  tailnetFault: z.string(),
  daemonFault: z.string(),
  podAddress: z.string(),
  podFault: z.string(),
  mtu: z.int(),
  // A headcnictl of an earlier release does not tell.
  tunnelMtu: z.int().nullable().default(null),
  podToNode: echo,
  nodeToTailnet: echo,
  peers: z.array(peer),
});
const way = z.object({
  path: z.enum(["direct", "relay", "none"]),
  tunnel: z.boolean(),
  nodeToNode: echoPair,
  podToNode: echoPair.optional(),
  podToPod: echoPair.optional(),
});
const sent = z.object({ bytes: z.number(), milliseconds: z.number() });
const listening = z.object({ port: z.int() });

/** A node that takes part in a test, through a headcnictl that runs there. Methods throw ConnectTestError. */
export interface RemoteNode {
  begin(): Promise<TestNode>;
  way(target: TestTarget): Promise<WayObservation>;
  /** Waits for one TCP connection to the test pod; its port. */
  listen(): Promise<number>;
  /** Sends over TCP from the test pod; bits per second that arrived. */
  send(address: string, port: number, milliseconds: number): Promise<number>;
  /** Lets the other side take back what it made. */
  close(): Promise<void>;
}

/** How long the other side may take to detach its pod, before it is left to itself. */
const closeMs = 30_000;

/** Starts `command`, which must lead to `headcnictl connect-test --agent` on some node. */
export function openRemoteNode(command: readonly string[]): RemoteNode {
  const { client, end } = startHelperProgram(command);
  return {
    begin: async () => await client.ask("begin", null, testNode),
    way: async (target) => {
      const { podToNode, podToPod, ...rest } = await client.ask("way", target, way);
      return { ...rest, podToNode, podToPod };
    },
    listen: async () => (await client.ask("listen", null, listening)).port,
    send: async (address, port, milliseconds) => {
      const { bytes, milliseconds: taken } = await client.ask("send", { address, port, milliseconds }, sent);
      return (bytes * 8 * 1000) / taken;
    },
    close: () => end(closeMs),
  };
}
