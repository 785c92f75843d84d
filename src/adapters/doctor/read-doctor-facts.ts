import type { DaemonFacts, FeatureTrial } from "../../domain/doctor/facts.ts";
import type { DoctorFactsReader } from "../../ports/doctor-facts.ts";
import { factOf } from "./fact.ts";
import { readCluster } from "./read-cluster.ts";
import { readCni } from "./read-cni.ts";
import { readFirewall } from "./read-firewall.ts";
import { type KeyReader, readHeadscale } from "./read-headscale.ts";
import { readNode } from "./read-node.ts";
import { readTailnet } from "./read-tailnet.ts";

export interface DoctorFactsOptions {
  /** tailscaled's path or name. */
  readonly tailscaled: string;
  readonly tailscaledSocket: string;
  readonly authKey: KeyReader;
  readonly apiKey: KeyReader;
  readonly kubeconfig: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the daemon says of itself; rejects when it does not answer. */
  readonly askDaemon: () => Promise<DaemonFacts>;
  /** Tries the kernel in a throw-away namespace. */
  readonly trials: () => Promise<readonly FeatureTrial[]>;
}

/** The facts of this node, read where they are: kernel, files, sockets, Headscale, API server. */
export function createDoctorFactsReader(options: DoctorFactsOptions): DoctorFactsReader {
  return {
    async read(settings, said, signal) {
      said("trying the kernel in a throw-away namespace");
      const node = await readNode({ settings, tailscaled: options.tailscaled, trials: options.trials });
      const firewall = await factOf(() => readFirewall(signal));
      const cni = await readCni(settings, options.environment);
      said(`asking Headscale at ${settings.headscaleUrl}`);
      const { authKey, apiKey } = options;
      const headscale = await readHeadscale({ url: settings.headscaleUrl, authKey, apiKey }, signal);
      said("asking the daemon and its tailscaled");
      const daemon = await factOf(options.askDaemon);
      const tailnet = await factOf(() => readTailnet(options.tailscaledSocket, signal));
      if (settings.kubernetes) said("asking the API server");
      const { kubeconfig, environment } = options;
      const kubernetes = settings.kubernetes
        ? await readCluster({ nodeName: settings.nodeName, kubeconfig, environment }, signal)
        : undefined;
      return { node, firewall, cni, headscale, daemon, tailnet, kubernetes };
    },
  };
}
