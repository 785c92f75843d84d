import { linksOf } from "../../../adapters/owner/read-node.ts";
import { type BootUnitPaths, readBootUnit } from "../../../adapters/systemd/read-boot-unit.ts";
import type { DaemonFacts, DoctorFacts, DoctorSettings, FeatureTrial } from "../judge/facts.ts";
import { factOf } from "./fact.ts";
import { readCluster } from "./read-cluster.ts";
import { readCni } from "./read-cni.ts";
import { readFirewall } from "./read-firewall.ts";
import { type KeyReader, readHeadscale } from "./read-headscale.ts";
import { readNode } from "./read-node.ts";
import { readOwner } from "./read-owner.ts";
import { readTailnet } from "./read-tailnet.ts";

export interface DoctorFactsOptions {
  /** tailscaled's path or name. */
  readonly tailscaled: string;
  /** Of the one that carries the pods. */
  readonly tailscaledSocket: string;
  /** Files of the state directory. */
  readonly paths: BootUnitPaths & { readonly ownerProfiles: string };
  readonly authKey: KeyReader;
  readonly apiKey: KeyReader;
  readonly kubeconfig: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the daemon says of itself; rejects when it does not answer. */
  readonly askDaemon: () => Promise<DaemonFacts>;
  /** Tries the kernel in a throw-away namespace. */
  readonly trials: () => Promise<readonly FeatureTrial[]>;
}

/**
 * Reads everything that the checks of `doctor` go by, where it is: kernel, files, sockets, Headscale, API server. Changes nothing on the
 * node, and never throws: what cannot be read is a fact.
 */
export async function readDoctorFacts(
  options: DoctorFactsOptions,
  settings: DoctorSettings,
  said: (step: string) => void,
  signal: AbortSignal,
): Promise<DoctorFacts> {
  const { tailscaled, trials, authKey, apiKey, kubeconfig, environment } = options;
  said("trying the kernel in a throw-away namespace");
  const node = await readNode({ settings, tailscaled, trials });
  const firewall = await factOf(() => readFirewall(signal));
  const cni = await readCni(settings, environment);
  said(`asking Headscale at ${settings.headscaleUrl}`);
  const headscale = await readHeadscale({ url: settings.headscaleUrl, authKey, apiKey }, signal);
  said("asking the daemon and its tailscaled");
  const daemon = await factOf(options.askDaemon);
  const tailnet = await factOf(() => readTailnet(options.tailscaledSocket, signal));
  if (settings.kubernetes) said("asking the API server");
  const kubernetes = settings.kubernetes
    ? await readCluster({ ...settings, kubeconfig, environment }, signal)
    : undefined;
  const { ownerSocket } = settings;
  const { ownerProfiles } = options.paths;
  const links = "value" in node.snapshot ? linksOf(node.snapshot.value) : [];
  const bootUnit = await readBootUnit(options.paths);
  // What was never there before an install is no problem.
  const guardedAtBoot = !settings.bootUnit || bootUnit !== "absent";
  const owner =
    ownerSocket === ""
      ? undefined
      : await readOwner({ socket: ownerSocket, ownerProfiles, links, authKey, guardedAtBoot }, signal);
  return { node, firewall, cni, headscale, daemon, tailnet, owner, bootUnit, kubernetes };
}
