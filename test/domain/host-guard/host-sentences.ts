import type { FilterLink, FilterPacket } from "../../support/kernel/filter-packet.ts";
import type { Passage } from "../../support/kernel/packet-filter.ts";
import {
  inAny,
  isAllowed,
  isAnswerOrTranslated,
  isKnown,
  isPodLink,
  isTranslated,
  isUnderlay,
  type Refusal,
  type Sentence,
  verdicts,
} from "../firewall/firewall-words.ts";
import type { HostTerms } from "./host-nodes.ts";

const isTailnet = (link: FilterLink | undefined) => link?.name === "tailscale0";
const isForwarded = ({ input, output }: FilterPacket) => input !== undefined && output !== undefined;
/** Out of the tailnet, for somebody else than this node. */
const isHandedOver = (packet: FilterPacket) => isForwarded(packet) && isTailnet(packet.input);
const isTailnetAddress = (address: string) => inAny(address, ["100.64.0.0/10", "fd7a:115c:a1e0::/48"]);
const wasTranslated = (packet: FilterPacket, passage: Passage) =>
  packet.answersTranslated === true || isAnswerOrTranslated({ ...packet, state: "new" }, passage);
const isJudged = (packet: FilterPacket, passage: Passage) =>
  isKnown(packet) || wasTranslated(packet, passage);

/** A pod, by what neither kube-proxy nor the node's resolver explains. */
function reachesMember(packet: FilterPacket, passage: Passage, { supernets, magicDns }: HostTerms): boolean {
  const { family, input, output, protocol, destinationPort } = packet;
  const { destination } = passage;
  const resolver = magicDns && ["100.100.100.100", "fd7a:115c:a1e0::53"].includes(destination);
  return (
    isPodLink(input) &&
    isTailnet(output) &&
    supernets.some((prefix) => prefix.includes(":") === (family === 6)) &&
    isTailnetAddress(destination) &&
    !(resolver && protocol !== "icmp" && destinationPort === 53) &&
    !isJudged(packet, passage)
  );
}

const hostRefusals: readonly Refusal<HostTerms>[] = [
  {
    says: "no packet to a pod's address leaves by the underlay",
    forbids: ({ output }, { destination }, { supernets }) =>
      isUnderlay(output) && inAny(destination, supernets),
  },
  {
    says: "what has a pod's address leaves by the underlay only as an answer, translated, or as a new flow of a pod of this node",
    forbids: (packet, passage, { own, supernets, masquerade }) => {
      const { input, output, source, state } = packet;
      if (input === undefined || !isUnderlay(output) || isJudged(packet, passage)) return false;
      if (inAny(source, own)) return masquerade && state !== "new";
      return isTailnet(input) && inAny(source, supernets);
    },
  },
  {
    says: "a flow that a pod opened while nothing translated leaves the cluster no more, but by the underlay where pods keep their address",
    forbids: ({ input, output, source, destination, later }, _passage, { own, supernets, masquerade }) =>
      later === "untranslated" &&
      input !== undefined &&
      inAny(source, own) &&
      !inAny(destination, supernets) &&
      (isTailnet(output) || (masquerade && isUnderlay(output))),
  },
  {
    says: "nothing that NAT leaves alone takes a pod's address into the tailnet, but to pods",
    forbids: ({ input, output, source, destination, state }, _passage, { own, supernets }) =>
      input !== undefined &&
      isTailnet(output) &&
      inAny(source, own) &&
      !inAny(destination, supernets) &&
      ["invalid", "untracked"].includes(state),
  },
  {
    says: "nothing that NAT leaves alone takes an address of the LAN to pods in the tailnet",
    forbids: ({ input, output, source, destination, state }, _passage, { own, supernets }) =>
      input !== undefined &&
      isTailnet(output) &&
      !inAny(source, own) &&
      inAny(destination, supernets) &&
      ["invalid", "untracked"].includes(state),
  },
  {
    says: "no packet to a Service's own address leaves the node, but to pods",
    forbids: ({ output }, { destination }, { services }) =>
      (isUnderlay(output) || isTailnet(output)) && inAny(destination, services),
  },
  {
    says: "a pod sends only from its own addresses, on its own link",
    forbids: ({ input, source, sourceLink, toSelf }) =>
      isPodLink(input) &&
      sourceLink !== input?.name &&
      !inAny(source, ["fe80::/10"]) &&
      !(toSelf && ["0.0.0.0", "::"].includes(source)),
  },
  {
    says: "a pod is no router for anybody",
    forbids: ({ input, icmpType = "" }) =>
      isPodLink(input) && ["redirect", "nd-redirect", "nd-router-advert"].includes(icmpType),
  },
  {
    says: "nobody on the underlay sends as a pod, of this node or another, in a known flow or not",
    forbids: ({ input, source }, _passage, { supernets }) => isUnderlay(input) && inAny(source, supernets),
  },
  {
    says: "nobody in the tailnet sends as a pod of this node",
    forbids: ({ input, source }, _passage, { own }) => isTailnet(input) && inAny(source, own),
  },
  {
    says: "from the underlay only answers, what is translated and what is allowed reach a pod or the tailnet",
    forbids: (packet, passage, terms) =>
      isUnderlay(packet.input) &&
      (isTailnet(packet.output) || isPodLink(packet.output)) &&
      !isJudged(packet, passage) &&
      !isAllowed(packet, terms),
  },
  {
    says: "from the underlay only what is allowed reaches a Service's own address, from the tailnet nothing",
    forbids: (packet, _passage, terms) =>
      inAny(packet.destination, terms.services) &&
      (isTailnet(packet.input) || (isUnderlay(packet.input) && !isAllowed(packet, terms))),
  },
  {
    says: "what comes out of the tailnet for another node's pods goes nowhere, but by node ports",
    forbids: (packet, passage, { own, supernets }) =>
      isHandedOver(packet) &&
      inAny(passage.destination, supernets) &&
      !inAny(passage.destination, own) &&
      !wasTranslated(packet, passage),
  },
  {
    says: "the node is no way for other nodes' pods to anybody but its own pods",
    forbids: (packet, passage, { own, supernets }) =>
      isHandedOver(packet) &&
      inAny(packet.source, supernets) &&
      !inAny(passage.destination, own) &&
      !isJudged(packet, passage),
  },
  {
    says: "tailnet members that are no pods reach a pod only by node ports",
    forbids: (packet, passage, { supernets }) =>
      isHandedOver(packet) &&
      !inAny(packet.source, supernets) &&
      inAny(passage.destination, supernets) &&
      !isJudged(packet, passage),
  },
  {
    says: "where no Nodes are known, pods reach no tailnet address but the resolver's where the node asks it, and what kube-proxy leads to",
    forbids: (packet, passage, terms) => !terms.nodesKnown && reachesMember(packet, passage, terms),
  },
];

/** In another tailnet others may have and serve the addresses of pods. */
export const refusalsElsewhere: readonly Refusal<HostTerms>[] = [
  {
    says: "nobody in another tailnet sends as a pod, in a known flow or not",
    forbids: ({ input, source }, _passage, { supernets }) => isTailnet(input) && inAny(source, supernets),
  },
  {
    says: "nothing for pods is sent to another tailnet, by pods or by the node, in a known flow or not",
    forbids: ({ output }, { destination }, { supernets }) =>
      isTailnet(output) && inAny(destination, supernets),
  },
];

const hostTreatment: readonly Sentence<HostTerms>[] = [
  {
    says: "what enters the tailnet for pods comes from a pod's address or the router's, what a pod sends elsewhere from the node's, and all else is kube-proxy's",
    holds: (packet, passage, { own, supernets, routers, masquerade }) => {
      const { family, source, output } = packet;
      const toPods = inAny(passage.destination, supernets);
      if (!passage.passes || !isTranslated(packet)) return !passage.passes || passage.source === source;
      const ownPod = inAny(source, own);
      if (isTailnet(output) && toPods) return passage.source === (ownPod ? source : routers[family][0]);
      const leaves = ownPod && !toPods && (isTailnet(output) || (masquerade && isUnderlay(output)));
      const byKubeProxy = output !== undefined && wasTranslated(packet, passage);
      return passage.source === (leaves || byKubeProxy ? "masqueraded" : source);
    },
  },
  {
    says: "pods' TCP across the tunnel agrees on segments that fit it; smaller ones and others' stay",
    holds: (packet, passage, { supernets, segmentSize }) => {
      const { family, input, output, source, flags, segmentSize: found } = packet;
      const crosses =
        (isTailnet(output) && inAny(passage.destination, supernets)) ||
        (isTailnet(input) && inAny(source, supernets));
      const bounded =
        found !== undefined && isForwarded(packet) && crosses && flags?.includes("syn") === true
          ? Math.min(found, segmentSize[family] ?? found)
          : found;
      return !passage.passes || passage.segmentSize === bounded;
    },
  },
  {
    says: "UDP of pods and nodes over IPv6 has a checksum, and all else what it came with",
    holds: ({ family, input, source, udpChecksum }, passage, { supernets }) => {
      const lacks = udpChecksum === 0 && family === 6 && isTailnet(input) && inAny(source, supernets);
      return !passage.passes || passage.udpChecksum === (lacks ? 0xffff : udpChecksum);
    },
  },
  {
    says: "what pods send to pods of this node loses tailscaled's mark and no other, and all else keeps its mark",
    holds: ({ output, source, mark = 0 }, passage, { own, supernets }) => {
      const toPod = output !== undefined && inAny(source, supernets) && inAny(passage.destination, own);
      const expected = toPod && (mark & 0xff0000) === 0x40000 ? mark & 0xff00ffff : mark;
      return !passage.passes || passage.mark === expected;
    },
  },
];

/** The guard's table beside the node's own tailscaled. */
export const hostSentences: readonly Sentence<HostTerms>[] = [...verdicts(hostRefusals), ...hostTreatment];

/** The same where that is in another tailnet. */
export const elsewhereSentences: readonly Sentence<HostTerms>[] = verdicts([
  ...hostRefusals,
  ...refusalsElsewhere,
]);

/** The allowlist beside the node's own tailscaled, whatever else is there. */
export const hostAllowlistSentences: readonly Sentence<HostTerms>[] = verdicts<HostTerms>([
  {
    says: "of the pods' addresses only prefixes of Nodes come out of the tailnet, to pods or to the node",
    forbids: ({ input, source }, _passage, { supernets, believed }) =>
      isTailnet(input) && inAny(source, supernets) && !inAny(source, believed),
  },
  {
    says: "of the pods' addresses only prefixes of Nodes are sent to in the tailnet, by pods or by the node",
    forbids: ({ output }, { destination }, { supernets, believed }) =>
      isTailnet(output) && inAny(destination, supernets) && !inAny(destination, believed),
  },
  {
    says: "tailnet members that are no Nodes reach no pod, not even by node ports",
    forbids: (packet, { destination }, { supernets, nodes }) =>
      isHandedOver(packet) &&
      !inAny(packet.source, supernets) &&
      !nodes.includes(packet.source) &&
      inAny(destination, supernets) &&
      !isKnown(packet),
  },
  {
    says: "pods reach no tailnet address but Nodes', the resolver's where the node asks it, and what kube-proxy leads to",
    forbids: (packet, passage, terms) =>
      reachesMember(packet, passage, terms) && !terms.nodes.includes(passage.destination),
  },
]);

/** Accepts in another program's chain that drops by default. */
export const hostForwardSentences: readonly Sentence<HostTerms>[] = [
  {
    says: "pods of this node send whatever our own tables let pass, and get what comes out of the tailnet, is known or translated",
    holds: (packet, passage, { own }) => {
      const received = inAny(passage.destination, own);
      const sent = inAny(packet.source, own);
      return (
        passage.passes || !(sent || (received && (isTailnet(packet.input) || isJudged(packet, passage))))
      );
    },
  },
  {
    says: "of all else nothing is let through but node ports whose pods are elsewhere, and their answers",
    holds: (packet, passage, { own, supernets }) => {
      if (inAny(packet.source, own) || inAny(passage.destination, own)) return true;
      const out =
        isTailnet(packet.output) && inAny(passage.destination, supernets) && wasTranslated(packet, passage);
      const back = isTailnet(packet.input) && inAny(packet.source, supernets) && isKnown(packet);
      return passage.passes === (out || back);
    },
  },
  {
    says: "the underlay opens nothing towards pods of this node",
    holds: (packet, passage, { own }) =>
      !passage.passes ||
      !isUnderlay(packet.input) ||
      inAny(packet.source, own) ||
      !inAny(passage.destination, own) ||
      isJudged(packet, passage),
  },
];

export const hostInputSentences: readonly Sentence<HostTerms>[] = [
  {
    says: "the node gets the answers of pods, the echo of a peer's route proof, and nothing else by us",
    holds: (packet, { passes }, { own, supernets, routers }) => {
      const peer = isTailnet(packet.input) && inAny(packet.source, supernets);
      const answer = isKnown(packet) && (peer || inAny(packet.source, own));
      const proof =
        peer && packet.icmpType === "echo-request" && routers[packet.family].includes(packet.destination);
      return passes === (answer || proof);
    },
  },
];
