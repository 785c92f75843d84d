/** Disco keys by node id. */
export type DiscoKeys = Readonly<Record<string, string>>;

/**
 * Node ids of the peers that a new disco key shows to have restarted: tailscaled then drops its session with them (wgengine:
 * ResetDevicePeer), they do not drop theirs. A key seen for the first time counts: the one before it may have been another. An
 * empty key (a peer that has not told one yet) does not, nor does the first one after it: there was no session.
 */
export function renewedPeers(known: DiscoKeys, told: DiscoKeys): readonly string[] {
  return Object.entries(told).flatMap(([nodeId, key]) => {
    const before = known[nodeId];
    return key === "" || before === key || before === "" ? [] : [nodeId];
  });
}
