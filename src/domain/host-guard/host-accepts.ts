import { hostPrefix } from "../addresses/prefix.ts";
import { familySettings, type HostGuard } from "../guard/guard-settings.ts";
import type { ForeignAccept } from "../nftables/nft-foreign-accepts.ts";

/**
 * FORWARD, where tailscaled's own accepts do not stand before (netfilter off or nodivert). What else crosses tailscaled's interface is its
 * owner's: only packets of pods are let through, by the sides that our own tables leave open.
 */
export function hostForwardAccepts(settings: HostGuard): readonly ForeignAccept[] {
  const tunnel = settings.carrier.tunnel.name;
  return familySettings(settings).flatMap(({ family, ownPrefixes, supernets }): readonly ForeignAccept[] => [
    ...ownPrefixes.flatMap((own): readonly ForeignAccept[] => [
      { name: "from-tailnet", family, input: tunnel, destination: own },
      { name: "from-pods", family, source: own },
      { name: "to-pods-known", family, destination: own, flow: "known" },
      { name: "to-pods-translated", family, destination: own, flow: "translated" },
    ]),
    // A node port of a Service whose pods are elsewhere, and the answers.
    ...supernets.flatMap((supernet): readonly ForeignAccept[] => [
      { name: "to-tailnet-translated", family, output: tunnel, destination: supernet, flow: "translated" },
      { name: "from-tailnet-known", family, input: tunnel, source: supernet, flow: "known" },
    ]),
  ]);
}

/** INPUT, as around the tailnet namespace: answers to the node, and the echo of a peer's route proof. */
export function hostInputAccepts(settings: HostGuard): readonly ForeignAccept[] {
  const tunnel = settings.carrier.tunnel.name;
  return familySettings(settings).flatMap(
    ({ family, ownPrefixes, supernets, routers }): readonly ForeignAccept[] => [
      ...ownPrefixes.map(
        (source): ForeignAccept => ({ name: "answers-from-pods", family, source, flow: "known" }),
      ),
      ...supernets.flatMap((source): readonly ForeignAccept[] => [
        { name: "answers-from-tailnet", family, input: tunnel, source, flow: "known" },
        ...routers.map(
          (router): ForeignAccept => ({
            ...{ name: "router-echo", family, input: tunnel, source, destination: hostPrefix(router) },
            echoRequest: true,
          }),
        ),
      ]),
    ],
  );
}
