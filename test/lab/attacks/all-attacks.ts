import type { Attack } from "./attack.ts";
import { neighbourAsPodToNodePort } from "./neighbour/neighbour-as-pod-to-node-port.ts";
import { neighbourAsRemotePod } from "./neighbour/neighbour-as-remote-pod.ts";
import { neighbourOutOfState } from "./neighbour/neighbour-out-of-state.ts";
import { neighbourToClusterIps } from "./neighbour/neighbour-to-cluster-ips.ts";
import { neighbourToLocalPods, neighbourToRemotePods } from "./neighbour/neighbour-to-pods.ts";
import { neighbourToTailnet } from "./neighbour/neighbour-to-tailnet.ts";
import { deleteRules } from "./node/delete-rules.ts";
import { fightTheGuard } from "./node/fight-the-guard.ts";
import { foreignWebPage } from "./node/foreign-web-page.ts";
import { idleConnections } from "./node/idle-connections.ts";
import { localUserSockets } from "./node/local-user-sockets.ts";
import { listenAtBoot } from "./plaintext/listen-at-boot.ts";
import { listenOnUnderlay } from "./plaintext/listen-on-underlay.ts";
import { serviceInPlaintext } from "./plaintext/service-in-plaintext.ts";
import { podAsRouter } from "./pod/pod-as-router.ts";
import { podForgesSources } from "./pod/pod-forges-sources.ts";
import { memberWithoutTag } from "./tailnet/member-without-tag.ts";
import { rogueAnnouncesLan } from "./tailnet/rogue-announces-lan.ts";
import { rogueAsAbsentNode } from "./tailnet/rogue-as-absent-node.ts";
import { rogueChanges } from "./tailnet/rogue-changes.ts";
import { rogueFloods } from "./tailnet/rogue-floods.ts";
import { rogueName } from "./tailnet/rogue-name.ts";
import { rogueSliceOfOtherPrefix } from "./tailnet/rogue-slice-of-other-prefix.ts";
import { rogueSliceOfOwnPrefix } from "./tailnet/rogue-slice-of-own-prefix.ts";
import { rogueStrayPrefix } from "./tailnet/rogue-stray-prefix.ts";

/** Every attack of the kit; within a promise those that leave the lab longest for itself come last. */
export const allAttacks: readonly Attack[] = [
  listenOnUnderlay,
  serviceInPlaintext,
  listenAtBoot,
  podForgesSources,
  podAsRouter,
  neighbourToRemotePods,
  neighbourToLocalPods,
  neighbourToTailnet,
  neighbourOutOfState,
  neighbourAsRemotePod,
  neighbourAsPodToNodePort,
  neighbourToClusterIps,
  rogueAnnouncesLan,
  rogueStrayPrefix,
  rogueSliceOfOwnPrefix,
  rogueSliceOfOtherPrefix,
  rogueAsAbsentNode,
  rogueChanges,
  rogueFloods,
  memberWithoutTag,
  deleteRules,
  fightTheGuard,
  localUserSockets,
  idleConnections,
  foreignWebPage,
  rogueName,
];
