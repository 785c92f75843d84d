import { parseAddress } from "../../domain/addresses/prefix.ts";
import { type Diagnosis, diagnose } from "./diagnose/diagnose.ts";
import type { Echo, EchoPair, PairObservation } from "./diagnose/observation.ts";
import type { MatrixResult } from "./run-matrix.ts";

export interface ConnectTestDocument {
  /** Size of a full packet, in bytes. */
  readonly fullBytes: number;
  readonly nodes: readonly {
    readonly name: string;
    readonly podCidrs: readonly string[];
    /** Of the test pods, one per tested family; without those that could not be attached. */
    readonly podAddresses: readonly string[];
  }[];
  readonly absent: MatrixResult["absent"];
  readonly pairs: readonly ConnectTestPair[];
}

export interface ConnectTestPair extends Diagnosis {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly path: "direct" | "relay" | "none";
  /** How far the test could go: between pods, from a pod to the other node, or between the nodes. */
  readonly tested: "pod to pod" | "pod to node" | "node to node" | "nothing";
  /** Of a small packet over all of `tested`; null when it got lost. */
  readonly roundTripMs: Echo;
  readonly small: Echo;
  readonly full: Echo;
  /** TCP from pod to pod; null when it was not measured. */
  readonly megabitsPerSecond: number | null;
}

/** The results, one per address family, as the document that `-o json` prints. */
export function connectTestDocument(results: readonly MatrixResult[]): ConnectTestDocument {
  const nodes = results.flatMap((result) => result.nodes);
  return {
    fullBytes: nodes[0]?.mtu ?? 0,
    nodes: firstOfEachName(nodes).map(({ name, podCidrs }) => ({
      name,
      podCidrs,
      podAddresses: nodes
        .filter((node) => node.name === name && node.podAddress !== "")
        .map(({ podAddress }) => podAddress),
    })),
    absent: firstOfEachName(results.flatMap((result) => result.absent)),
    pairs: results.flatMap((result) => result.pairs.map(pairOf)),
  };
}

function firstOfEachName<One extends { readonly name: string }>(list: readonly One[]): readonly One[] {
  return list.filter((one, index) => list.findIndex(({ name }) => name === one.name) === index);
}

function pairOf(pair: PairObservation): ConnectTestPair {
  const { from, toName, way, bitsPerSecond } = pair;
  const { tested, echo } = furthest(way);
  return {
    from: from.name,
    to: toName,
    family: parseAddress(from.routerAddress).family,
    ...diagnose(pair),
    path: way?.path ?? "none",
    tested,
    roundTripMs: echo.small,
    small: echo.small,
    full: echo.full,
    megabitsPerSecond: bitsPerSecond === undefined ? null : Math.round(bitsPerSecond / 1e6),
  };
}

function furthest(way: PairObservation["way"]): {
  readonly tested: ConnectTestPair["tested"];
  readonly echo: EchoPair;
} {
  if (way === undefined) return { tested: "nothing", echo: { small: null, full: null } };
  if (way.podToPod !== undefined) return { tested: "pod to pod", echo: way.podToPod };
  if (way.podToNode !== undefined) return { tested: "pod to node", echo: way.podToNode };
  return { tested: "node to node", echo: way.nodeToNode };
}
