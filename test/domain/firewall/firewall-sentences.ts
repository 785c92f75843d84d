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
  type SentenceTerms,
  verdicts,
} from "./firewall-words.ts";

const nodeRefusals: readonly Refusal<SentenceTerms>[] = [
  {
    says: "no packet to a pod's address leaves by the underlay",
    forbids: ({ output }, { destination }, { supernets }) =>
      isUnderlay(output) && inAny(destination, supernets),
  },
  {
    says: "what has a pod's address leaves by the underlay only as an answer, translated, or as a new flow of a pod of this node",
    forbids: (packet, passage, { own, supernets, masquerade }) => {
      const { input, output, source, state } = packet;
      if (input === undefined || !isUnderlay(output) || isAnswerOrTranslated(packet, passage)) return false;
      if (inAny(source, own)) return masquerade && state !== "new";
      return input.name === "headcni0" && inAny(source, supernets);
    },
  },
  {
    says: "a flow that a pod opened while nothing translated leaves by the underlay no more, unless pods keep their address by config",
    forbids: ({ input, output, source, later }, _passage, { own, masquerade }) =>
      masquerade &&
      later === "untranslated" &&
      input !== undefined &&
      isUnderlay(output) &&
      inAny(source, own),
  },
  {
    says: "no packet to a Service's own address leaves by the underlay",
    forbids: ({ output }, { destination }, { services }) =>
      isUnderlay(output) && inAny(destination, services),
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
    says: "nobody on the underlay sends as tailscaled",
    forbids: ({ family, input, source }, _passage, { linkAddresses }) =>
      isUnderlay(input) && source === linkAddresses[family],
  },
  {
    says: "nobody in the tailnet sends as a pod of this node",
    forbids: ({ input, source }, _passage, { own }) => input?.name === "headcni0" && inAny(source, own),
  },
  {
    says: "from the underlay only answers, what is translated and what is allowed reach a pod or the tailnet",
    forbids: (packet, passage, terms) =>
      isUnderlay(packet.input) &&
      (packet.output?.name === "headcni0" || isPodLink(packet.output)) &&
      !isAnswerOrTranslated(packet, passage) &&
      !isAllowed(packet, terms),
  },
  {
    says: "from the underlay only what is allowed reaches a Service's own address",
    forbids: (packet, _passage, terms) =>
      isUnderlay(packet.input) && inAny(packet.destination, terms.services) && !isAllowed(packet, terms),
  },
  {
    says: "what comes out of the tailnet for another node's pods goes nowhere",
    forbids: ({ input, output }, { destination }, { own, supernets }) =>
      input?.name === "headcni0" &&
      output !== undefined &&
      inAny(destination, supernets) &&
      !inAny(destination, own),
  },
];

const tailnetRefusals: readonly Refusal<SentenceTerms>[] = [
  {
    says: "tailnet members that are no nodes reach no pod",
    forbids: (packet, _passage, { supernets }) =>
      packet.input?.name === "tailscale0" && !inAny(packet.source, supernets) && !isKnown(packet),
  },
  {
    says: "pods reach no tailnet address",
    forbids: ({ input, destination }, _passage, { supernets }) =>
      input?.name === "eth0" && !inAny(destination, supernets),
  },
  {
    says: "nobody in the tailnet sends as a pod of this node",
    forbids: ({ input, source }, _passage, { own }) => input?.name === "tailscale0" && inAny(source, own),
  },
  {
    says: "nothing that NAT leaves alone takes an address of the LAN into the tailnet",
    forbids: ({ input, output, source, state }, _passage, { own }) =>
      input !== undefined &&
      output?.name === "tailscale0" &&
      !inAny(source, own) &&
      ["invalid", "untracked"].includes(state),
  },
  {
    says: "out of the tailnet new flows lead to pods of this node alone",
    forbids: (packet, _passage, { own }) =>
      packet.input?.name === "tailscale0" && !inAny(packet.destination, own) && !isKnown(packet),
  },
  {
    says: "packets for other nodes' pods never go back to the node",
    forbids: ({ output, destination }, _passage, { own, supernets }) =>
      output?.name === "eth0" && inAny(destination, supernets) && !inAny(destination, own),
  },
  {
    says: "what comes in by a link never leaves by it",
    forbids: ({ input, output }) => input !== undefined && input.name === output?.name,
  },
];

/** The node's table. Links of a packet are `nodeLinks`. */
export const nodeSentences: readonly Sentence<SentenceTerms>[] = [
  ...verdicts(nodeRefusals),
  {
    says: "what a pod sends in a flow that it opened leaves by the underlay with another address",
    holds: (packet, { passes, source }, { own, masquerade }) => {
      const leaves = masquerade && isTranslated(packet) && isUnderlay(packet.output);
      return !(leaves && inAny(packet.source, own) && passes) || source === "masqueraded";
    },
  },
  {
    says: "tailscaled's packets leave by the underlay with the node's address",
    holds: (packet, { passes, source }, { linkAddresses }) =>
      !(
        passes &&
        isTranslated(packet) &&
        isUnderlay(packet.output) &&
        source === linkAddresses[packet.family]
      ),
  },
  {
    says: "every other source stays as it is",
    holds: ({ family, source, output }, passage, { own, linkAddresses, masquerade }) =>
      passage.source === source ||
      (isUnderlay(output) && (source === linkAddresses[family] || (masquerade && inAny(source, own)))),
  },
  {
    says: "peers reach tailscaled at the node's addresses, and no other destination changes but kube-proxy's",
    holds: (packet, { passes, destination }, { linkAddresses, underlayPort, backends }) => {
      const linkAddress = linkAddresses[packet.family];
      const forTailscaled =
        linkAddress !== undefined &&
        packet.input !== undefined &&
        packet.input.name !== "headcni0" &&
        isTranslated(packet) &&
        packet.toSelf &&
        packet.protocol === "udp" &&
        packet.destinationPort === underlayPort;
      if (!passes || forTailscaled) return !passes || destination === linkAddress;
      return destination === packet.destination || backends.includes(destination);
    },
  },
];

/** The table in X. Links of a packet are `tailnetLinks`. */
export const tailnetSentences: readonly Sentence<SentenceTerms>[] = [
  ...verdicts(tailnetRefusals),
  {
    says: "what enters the tailnet for the supernet comes from a pod's address or the router's",
    holds: (packet, passage, { own, supernets, routers }) => {
      const { family, source, destination, output } = packet;
      const translated =
        isTranslated(packet) &&
        output?.name === "tailscale0" &&
        inAny(destination, supernets) &&
        !inAny(source, own);
      return !passage.passes || passage.source === (translated ? routers[family][0] : source);
    },
  },
  {
    says: "TCP that is forwarded agrees on segments that fit the tunnel, and smaller ones stay",
    holds: ({ family, input, flags, segmentSize }, passage, terms) => {
      const bounded =
        segmentSize !== undefined && input !== undefined && flags?.includes("syn") === true
          ? Math.min(segmentSize, terms.segmentSize[family] ?? segmentSize)
          : segmentSize;
      return !passage.passes || passage.segmentSize === bounded;
    },
  },
  {
    says: "UDP that is forwarded over IPv6 has a checksum where pods have IPv6, and over IPv4 what it came with",
    holds: ({ family, input, udpChecksum }, passage, terms) => {
      const lacks = udpChecksum === 0 && input !== undefined && family === 6;
      const wanted = lacks && terms.segmentSize[6] !== undefined ? 0xffff : udpChecksum;
      return !passage.passes || passage.udpChecksum === wanted;
    },
  },
];

/** The table of headcni-wire in X, whatever else is there. Links of a packet are `tailnetLinks`. */
export const allowlistSentences: readonly Sentence[] = verdicts([
  {
    says: "of the pods' addresses only prefixes of Nodes come out of the tailnet",
    forbids: ({ input, output, source }, _passage, { supernets, believed }) =>
      input?.name === "tailscale0" &&
      output !== undefined &&
      inAny(source, supernets) &&
      !inAny(source, believed),
  },
  {
    says: "of the pods' addresses only prefixes of Nodes are sent to in the tailnet",
    forbids: ({ input, output, destination }, _passage, { supernets, believed }) =>
      input !== undefined &&
      output?.name === "tailscale0" &&
      inAny(destination, supernets) &&
      !inAny(destination, believed),
  },
]);

/** Accepts in another program's chain that drops by default. */
export const foreignForwardSentences: readonly Sentence[] = [
  {
    says: "the tailnet and pods of this node send whatever our own tables let pass",
    holds: ({ input, source }, { passes }, { own }) =>
      passes || !(input?.name === "headcni0" || inAny(source, own)),
  },
  {
    says: "others open nothing towards pods or tailnet but what was translated, and get answers through",
    holds: (packet, { passes, destination }, { own }) => {
      const sent = packet.input?.name === "headcni0" || inAny(packet.source, own);
      const translated = destination !== packet.destination;
      const towards = packet.output?.name === "headcni0" || inAny(destination, own);
      return sent || passes === (towards && (translated || isKnown(packet)));
    },
  },
];

export const foreignInputSentences: readonly Sentence[] = [
  {
    says: "the node gets the answers of pods and tailnet, the echo of the route proof, and nothing else by us",
    holds: (packet, { passes }, { own, routers }) => {
      const answer = isKnown(packet) && (packet.input?.name === "headcni0" || inAny(packet.source, own));
      const proof =
        packet.input?.name === "headcni0" &&
        packet.icmpType === "echo-request" &&
        routers[packet.family].includes(packet.destination);
      return passes === (answer || proof);
    },
  },
];
