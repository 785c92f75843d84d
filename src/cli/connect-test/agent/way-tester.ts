import type { KernelState } from "../../../ports/kernel-state.ts";
import type { Tailnet } from "../../../ports/tailnet.ts";
import type { Echo, EchoPair, TestTarget, WayObservation } from "../diagnose/observation.ts";

/** The smallest echo that holds our data, as an IP packet. */
const smallBytes = 64;
/** A packet may be lost on its way without anything being wrong; three in a row may not. */
const attempts = 3;
const echoMs = 1000;
/** The first disco pings still go through the relay while both sides look for a direct path. */
const discoAttempts = 4;

type EchoFrom = (source: string, destination: string, bytes: number) => Promise<Echo>;

export interface WayTesterOptions {
  readonly kernel: KernelState;
  readonly tailnet: Pick<Tailnet, "discoPing" | "tunnelPing">;
  readonly routerAddress: string;
  readonly mtu: number;
  /** The test pod's address and a way to send from it; undefined without one. */
  readonly pod: { readonly address: string; readonly echo: EchoFrom } | undefined;
}

/** Tests the way to one other node, in both packet sizes. */
export async function testWay(
  options: WayTesterOptions,
  target: TestTarget,
  signal: AbortSignal,
): Promise<WayObservation> {
  const { kernel, tailnet, routerAddress, pod } = options;
  const fromNode: EchoFrom = async (source, destination, bytes) =>
    (await kernel.echo(source, destination, echoMs, bytes)) ?? null;
  const pair = async (echo: EchoFrom, source: string, destination: string): Promise<EchoPair> => {
    const small = await patiently(() => echo(source, destination, smallBytes));
    // What loses small packets loses full ones.
    const full = small === null ? null : await patiently(() => echo(source, destination, options.mtu));
    return { small, full };
  };
  const { tailnetAddress, routerAddress: farRouter, podAddress: farPod } = target;
  const known = tailnetAddress !== "";
  // First, and alone: what the echoes find is true of this path.
  const path = known ? await pathTo(tailnet, tailnetAddress, signal) : "none";
  const [tunnel, nodeToNode, podToNode, podToPod] = await Promise.all([
    known
      ? patiently(async () => (await tailnet.tunnelPing(tailnetAddress, signal))?.latencyMs ?? null)
      : null,
    pair(fromNode, routerAddress, farRouter),
    pod === undefined ? undefined : pair(pod.echo, pod.address, farRouter),
    pod === undefined || farPod === "" ? undefined : pair(pod.echo, pod.address, farPod),
  ]);
  return { path, tunnel: tunnel !== null, nodeToNode, podToNode, podToPod };
}

/** The best of a few answers, in ms; null when none came. */
export async function patiently(echo: () => Promise<Echo>): Promise<Echo> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const roundTrip = await echo();
    // The first one pays for neighbours and sessions; the second is the way itself.
    if (roundTrip !== null) {
      const again = await echo();
      return again === null ? roundTrip : Math.min(roundTrip, again);
    }
  }
  return null;
}

async function pathTo(
  tailnet: WayTesterOptions["tailnet"],
  address: string,
  signal: AbortSignal,
): Promise<WayObservation["path"]> {
  let path: WayObservation["path"] = "none";
  for (let attempt = 0; attempt < discoAttempts; attempt++) {
    const answer = await tailnet.discoPing(address, signal);
    if (answer?.direct === true) return "direct";
    if (answer !== undefined) path = "relay";
  }
  return path;
}
