import { createConflistFile } from "../../adapters/cni-files/conflist-file.ts";
import { createHeadscale } from "../../adapters/headscale/headscale-client.ts";
import { createKubernetes } from "../../adapters/kubernetes/kubernetes-client.ts";
import { sandboxUsers } from "../../adapters/kubernetes/sandbox-users.ts";
import { type Kernel, openKernel } from "../../adapters/netlink/open-kernel.ts";
import { openFirewall } from "../../adapters/nftables/open-firewall.ts";
import { createDaemonAllowlist } from "../../adapters/owner/daemon-allowlist.ts";
import { createOwner } from "../../adapters/owner/owner-client.ts";
import { linksOf, readResolvConfs } from "../../adapters/owner/read-node.ts";
import { createHintFile } from "../../adapters/state-files/hint-file.ts";
import { createNodeListFile } from "../../adapters/state-files/node-list-file.ts";
import { createPolicyMemory } from "../../adapters/state-files/policy-memory-file.ts";
import { createPrefixMemory } from "../../adapters/state-files/prefix-memory-file.ts";
import { createProofFile } from "../../adapters/state-files/proof-file.ts";
import { sysctlMemory } from "../../adapters/state-files/sysctl-memory.ts";
import { readBootUnit } from "../../adapters/systemd/read-boot-unit.ts";
import { createTailnet, ownersPrefs } from "../../adapters/tailscale/tailnet-client.ts";
import { tailscaledSocket } from "../../adapters/tailscale/tailscaled-command.ts";
import { createCniExchanges } from "../../adapters/unix-socket/cni-exchanges.ts";
import { createWireClient } from "../../adapters/wire/wire-client.ts";
import type { Config } from "../../config/config-schema.ts";
import { createKeyReaders } from "../../config/keys/key-reader.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import { HeadcniError } from "../../domain/failure.ts";
import type { Carrier } from "../../domain/guard/guard-settings.ts";
import type { WatchSource } from "../../domain/kubernetes/kubernetes-watch.ts";
import { carrierOf } from "../../domain/owner/owner-terms.ts";
import type { CniFailure } from "../../protocol/cni-protocol.ts";
import { refuseNewer } from "../refuse-newer.ts";
import { namespaceCarrier } from "../settings.ts";

class AuthKeyError extends HeadcniError<{ readonly code: "AUTH_KEY_MISSING" }> {}

/** Hears what happens at the ports outside of any call. */
export interface PortsListener {
  readonly failed: (error: Error) => void;
  readonly warned: (error: Error) => void;
  /** Something that is no CNI request came over the socket or lay in the spool. */
  readonly rejected: (where: string, failure: CniFailure) => void;
  /** The API server sent an object that is not what its API promises; it was left out. */
  readonly unreadable: (source: WatchSource) => void;
}

export type NodePorts = Awaited<ReturnType<typeof openNodePorts>>;

/**
 * Every port of the daemon over its real adapter. `close` ends what this process holds and leaves the node as it is. `current`
 * says where the keys stand at the moment that one is needed. Throws NEWER_FORMAT where a later release ran.
 */
export async function openNodePorts(
  config: Config,
  listener: PortsListener,
  current: () => Config = () => config,
) {
  const { headscale, kubernetes, cni, runtimeDir, stateDir, nodeName, tailscale } = config;
  const paths = runtimePaths(config);
  const keys = createKeyReaders(current);
  const kernel: Kernel = await openKernel({
    onFailure: listener.failed,
    sysctlRoot: config.sysctlDir,
  });
  try {
    await refuseNewer(stateDir, (await kernel.state.observe("node")).links);
  } catch (error) {
    await kernel.close();
    throw error;
  }
  const wire = createWireClient(kernel.state, runtimeDir);
  const owner = createOwner({
    socket: tailscale.socket,
    runtimeDir,
    paths,
    links: async () => linksOf(await kernel.state.observe("node")),
    resolvConfs: readResolvConfs,
    guardedAtBoot: async () => !tailscale.bootUnit || (await readBootUnit(paths)) === "installed",
  });
  const tailnet =
    tailscale.mode === "host"
      ? createTailnet(tailscale.socket, owner.running, ownersPrefs)
      : createTailnet(tailscaledSocket(runtimeDir), wire.running);
  /** Where tailscaled runs, as it is known now. */
  const carrier = async (): Promise<Carrier> =>
    tailscale.mode === "host"
      ? carrierOf(await owner.recallTerms(), config.network.mtu)
      : namespaceCarrier(config);
  const allowlist = createDaemonAllowlist(
    { list: paths.nodeList, socket: tailscale.socket },
    { supernets: config.network.podCIDR, kept: tailscale.mode === "host" && kubernetes.enabled },
    async () => carrierOf(await owner.recallTerms(), config.network.mtu),
  );
  const api = createHeadscale({
    url: headscale.url,
    readApiKey: keys.apiKey,
  });
  const cluster = createKubernetes({
    nodeName,
    kubeconfig: kubernetes.kubeconfig,
    environment: process.env,
    podSelector: kubernetes.podSelector,
    rejected: listener.unreadable,
  });
  return {
    exchanges: createCniExchanges({ runtimeDir, rejected: listener.rejected }),
    podNetwork: kernel.podNetwork,
    addressHints: createHintFile(paths.addressHints, listener.warned),
    kernel: kernel.state,
    kernelDevtools: kernel.devtools,
    firewall: openFirewall({ tailnetPath: wire.path }),
    sysctlMemory: sysctlMemory(paths.sysctls),
    wire,
    owner,
    carrier,
    allowlist,
    tailnet,
    headscale: api,
    conflist: createConflistFile({
      confDir: cni.confDir,
      confName: cni.confName,
      networkName: cni.networkName,
      socketPath: paths.cniSocket,
      plugins: cni.plugins,
    }),
    proof: createProofFile({
      path: paths.proof,
      identity: { nodeName, headscaleUrl: headscale.url },
    }),
    kubernetes: cluster,
    nodeList: createNodeListFile(paths.nodeList),
    nodeMemory: createPrefixMemory({ path: paths.nodeMemory, nodeName, key: "podCIDRs" }),
    serviceMemory: createPrefixMemory({ path: paths.serviceMemory, nodeName, key: "serviceCIDRs" }),
    policyMemory: createPolicyMemory(paths.policyMemory),
    sandboxUsers: sandboxUsers(),
    /** The pre-auth key as it is now. Throws AuthKeyError when there is none to read. */
    readAuthKey: async () => {
      const read = keys.authKey();
      if ("key" in read) return read.key;
      throw new AuthKeyError(`no auth key: ${read.fault}`, { code: "AUTH_KEY_MISSING" });
    },
    close: async () => {
      owner.close();
      allowlist.close();
      tailnet.close();
      await api.close();
      await cluster.close();
      // What stays is removed by the next daemon.
      await kernel.podNetwork.removeLeaving().catch(() => undefined);
      await kernel.close();
    },
  };
}
