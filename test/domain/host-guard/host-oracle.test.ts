import { hostForwardAccepts, hostInputAccepts } from "../../../src/domain/host-guard/host-accepts.ts";
import { hostAllowlist } from "../../../src/domain/host-guard/host-allowlist.ts";
import type { FilterPacket } from "../../support/filter-packet.ts";
import { foreignTable, plannedTable, prove, type Subject } from "../firewall-proof.ts";
import { type HostNode, hostNodes, onNode } from "./host-nodes.ts";
import {
  hostAllowlistSentences,
  hostForwardSentences,
  hostInputSentences,
  hostSentences,
} from "./host-sentences.ts";

const forwarded = ({ input, output }: FilterPacket) => input !== undefined && output !== undefined;
const received = ({ input, output }: FilterPacket) => input !== undefined && output === undefined;

const subjects: readonly Subject<HostNode>[] = [
  {
    what: "the node's table beside its own tailscaled",
    table: ({ settings }) => plannedTable("node", settings),
    sentences: hostSentences,
    namespace: onNode,
    speaksOf: () => true,
    withKubeProxy: true,
  },
  {
    what: "the allowlist beside the node's own tailscaled",
    table: ({ settings, believed, terms: { nodes } }) =>
      hostAllowlist(settings, { prefixes: believed, nodes }),
    sentences: hostAllowlistSentences,
    namespace: onNode,
    speaksOf: () => true,
    withKubeProxy: true,
  },
  ...([4, 6] as const).flatMap((family) => [
    {
      what: `accepts of IPv${family} in a chain that forwards`,
      table: ({ settings }: HostNode) => foreignTable("forward", family, hostForwardAccepts(settings)),
      sentences: hostForwardSentences,
      namespace: onNode,
      speaksOf: forwarded,
      withKubeProxy: true,
      family,
    },
    {
      what: `accepts of IPv${family} in a chain that receives`,
      table: ({ settings }: HostNode) => foreignTable("input", family, hostInputAccepts(settings)),
      sentences: hostInputSentences,
      namespace: onNode,
      speaksOf: received,
      withKubeProxy: false,
      family,
    },
  ]),
];

prove(subjects, hostNodes);
