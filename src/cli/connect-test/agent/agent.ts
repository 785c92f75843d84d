import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { openKernel } from "../../../adapters/netlink/open-kernel.ts";
import { createTailnet } from "../../../adapters/tailscale/tailnet-client.ts";
import { tailscaledSocket } from "../../../adapters/tailscale/tailscaled-command.ts";
import { readTunnelMtu } from "../../../adapters/wire/read-tunnel-mtu.ts";
import {
  containsPrefix,
  parseAddress,
  parsePrefix,
  routerAddress,
} from "../../../domain/addresses/prefix.ts";
import { toFailure } from "../../../domain/failure.ts";
import { underlayEnds4 } from "../../../domain/guard/guard-settings.ts";
import type { TailnetStatus } from "../../../domain/tailnet/tailnet-status.ts";
import type { Echo, TestNode, TestPeer } from "../diagnose/observation.ts";
import { ConnectTestError } from "./connect-test-error.ts";
import type { Answerers } from "./json-lines.ts";
import { openTestPod, type TestPod } from "./test-pod.ts";
import { patiently, testWay } from "./way-tester.ts";

export interface AgentOptions {
  readonly nodeName: string;
  /** What stands before the nodes' names in the tailnet. */
  readonly hostnamePrefix: string;
  readonly runtimeDir: string;
  readonly supernets: readonly string[];
  readonly ownPrefixes: readonly string[];
  /** Which address family is tested; undefined: that of the first pod CIDR. */
  readonly family: 4 | 6 | undefined;
  readonly linkPrefixes: readonly string[];
  /** Name of tailscaled's interface. */
  readonly tunnelName: string;
  readonly mtu: number;
  readonly cniBinDir: string;
  readonly sysctlDir: string;
  readonly networkName: string;
  readonly cniSocket: string;
  /** Why the daemon does not serve; empty when it does. */
  readonly daemonFault: () => Promise<string>;
  /** Command line of the process that works inside the test pod. */
  readonly podWorker: readonly string[];
}

/** What one node does for a connect-test; `close` removes what `begin` made. */
export interface Agent {
  readonly answerers: Answerers;
  close(): Promise<void>;
}

const targetInput = z.object({
  name: z.string(),
  tailnetAddress: z.string(),
  routerAddress: z.string(),
  podAddress: z.string(),
});
const sendInput = z.object({ address: z.string(), port: z.int(), milliseconds: z.int() });
const echoMs = 1000;
const smallBytes = 64;

/** Tests one address family. */
export async function openAgent(options: AgentOptions, signal: AbortSignal): Promise<Agent> {
  const { runtimeDir, supernets, mtu } = options;
  const { state: kernel, close: closeKernel } = await openKernel({
    onFailure: () => undefined,
    sysctlRoot: options.sysctlDir,
  });
  // Which process answers makes no difference here.
  const tailnet = createTailnet(tailscaledSocket(runtimeDir), async () => undefined);
  let pod: TestPod | undefined;
  let began: TestNode | undefined;

  const echoFromPod = async (source: string, destination: string, bytes: number): Promise<Echo> => {
    if (pod === undefined) return null;
    const input = { source, destination, bytes, timeoutMs: echoMs };
    return await pod.worker.ask("echo", input, z.number().nullable());
  };

  async function begin(): Promise<TestNode> {
    const status = await tailnet.status(signal).catch((error: unknown) => toFailure(error).message);
    const podCidrs = options.ownPrefixes.length > 0 ? options.ownPrefixes : ownRoutes(status, supernets);
    const { family } = options;
    const slice = podCidrs
      .map(parsePrefix)
      .find((prefix) => family === undefined || prefix.family === family);
    if (slice === undefined)
      throw new ConnectTestError(
        `this node's${family === undefined ? "" : ` IPv${family}`} pod CIDR is not known: is HeadCNI running here, and in the tailnet?`,
        { code: "REFUSED" },
      );
    const router = routerAddress(slice);
    const opened = await pluginIn(options.cniBinDir)
      .then((plugin) =>
        openTestPod({
          runtimeDir,
          plugin,
          networkName: options.networkName,
          socketPath: options.cniSocket,
          kernel,
          worker: options.podWorker,
        }),
      )
      .catch((error: unknown) => toFailure(error).message);
    if (typeof opened !== "string") pod = opened;
    const podAddress = pod?.addresses.find((address) => parseAddress(address).family === slice.family) ?? "";
    const { node: nodeEnd, tailnet: tailnetEnd } = underlayEnds4(options.linkPrefixes);
    return {
      name: options.nodeName,
      podCidrs,
      routerAddress: router,
      tailnetFault: faultOf(status),
      daemonFault: await options.daemonFault(),
      podAddress,
      podFault: typeof opened === "string" ? opened : "",
      mtu,
      tunnelMtu: await readTunnelMtu(kernel, options).catch(() => null),
      podToNode:
        podAddress === "" ? null : await patiently(() => echoFromPod(podAddress, router, smallBytes)),
      nodeToTailnet: await patiently(
        async () => (await kernel.echo(nodeEnd, tailnetEnd, echoMs).catch(() => undefined)) ?? null,
      ),
      peers: typeof status === "string" ? [] : peersOf(status, options),
    };
  }
  function podWorker() {
    if (pod !== undefined) return pod.worker;
    throw new ConnectTestError("there is no test pod on this node", { code: "REFUSED" });
  }

  return {
    answerers: {
      begin: async () => {
        began ??= await begin();
        return began;
      },
      way: async (input) => {
        if (began === undefined) throw new ConnectTestError("the test has not begun", { code: "REFUSED" });
        const { podAddress: address, routerAddress: router } = began;
        const from = address === "" ? undefined : { address, echo: echoFromPod };
        const tester = { kernel, tailnet, routerAddress: router, mtu, pod: from };
        return await testWay(tester, targetInput.parse(input), signal);
      },
      listen: async () => {
        const address = began?.podAddress ?? "";
        return await podWorker().ask("listen", { address }, z.object({ port: z.int() }));
      },
      send: async (input) =>
        await podWorker().ask(
          "send",
          sendInput.parse(input),
          z.object({ bytes: z.number(), milliseconds: z.number() }),
        ),
    },
    close: async () => {
      await pod?.close().catch(() => undefined);
      tailnet.close();
      await closeKernel();
    },
  };
}

/** Where the image keeps the plugin: the daemon's container has no plugin directory of the node. */
const imagePlugin = "/opt/headcni/plugin/headcni";

async function pluginIn(folder: string): Promise<string> {
  for (const plugin of [join(folder, "headcni"), imagePlugin]) {
    const runs = await access(plugin, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return plugin;
  }
  throw new ConnectTestError(`there is no plugin ${join(folder, "headcni")}`, { code: "PLUGIN_FAILED" });
}

function faultOf(status: TailnetStatus | string): string {
  if (typeof status === "string") return status;
  if (status.backendState === "Running") return "";
  return `it is in the state ${status.backendState}${status.loginError === "" ? "" : `: ${status.loginError}`}`;
}

function ownRoutes(status: TailnetStatus | string, supernets: readonly string[]): readonly string[] {
  return typeof status === "string" ? [] : podRoutes(status.self.primaryRoutes, supernets);
}

function peersOf({ peers }: TailnetStatus, { supernets, hostnamePrefix }: AgentOptions): readonly TestPeer[] {
  return peers
    .map(({ hostName, addresses, online, primaryRoutes }) => ({
      name: hostName.startsWith(hostnamePrefix) ? hostName.slice(hostnamePrefix.length) : hostName,
      tailnetAddress: addresses[0] ?? "",
      online,
      podCidrs: podRoutes(primaryRoutes, supernets),
    }))
    .filter(({ podCidrs }) => podCidrs.length > 0);
}

function podRoutes(routes: readonly string[], supernets: readonly string[]): readonly string[] {
  return routes.filter((route) =>
    supernets.some((supernet) => containsPrefix(parsePrefix(supernet), parsePrefix(route))),
  );
}
