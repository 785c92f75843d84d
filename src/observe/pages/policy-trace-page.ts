import type { ActorRefFrom } from "xstate";
import * as z from "zod";
import type { policyMachine } from "../../../machines/policy/policy-machine.ts";
import { type NodeAnswer, traceOnNode } from "../../domain/policy/node-trace.ts";
import { type AskedFlow, readFlow } from "../../domain/policy/trace-question.ts";
import type { PageOf } from "./page-of.ts";

const half = z.looseObject({
  allowed: z.boolean(),
  because: z.enum(["noPod", "itself", "ownNode", "notIsolated", "allowed", "notAllowed", "unknownPod"]),
  here: z.boolean(),
  policies: z.array(
    z.looseObject({
      policy: z.string(),
      allows: z.boolean(),
      rules: z.array(z.looseObject({ peers: z.boolean(), ports: z.boolean() })),
      problem: z.string().nullable(),
    }),
  ),
});

const end = z.looseObject({
  address: z.string(),
  nodeAddress: z.string().nullable(),
  pod: z.string().nullable(),
  node: z.string().nullable(),
  hostNetwork: z.boolean(),
});

const traced = z.looseObject({
  code: z.literal("TRACED"),
  protocol: z.enum(["TCP", "UDP", "SCTP"]),
  port: z.number(),
  source: end,
  destination: end,
  egress: half,
  ingress: half,
});

/** Body of `/debug/policy-trace?from=&to=&port=`: what this node does with a flow, by the policies that it has in force. */
export const policyTracePageSchema = z.looseObject({
  node: z.string(),
  /** What is not as it should be, in sentences; the answer holds all the same. */
  notes: z.array(z.string()),
  answer: z.discriminatedUnion("code", [
    traced,
    z.looseObject({ code: z.literal("NOT_ENFORCED") }),
    z.looseObject({ code: z.literal("NOT_KNOWN") }),
    z.looseObject({ code: z.literal("NO_SUCH_POD"), end: z.string(), nearest: z.string().nullable() }),
    z.looseObject({ code: z.literal("NO_ADDRESS"), end: z.string() }),
    z.looseObject({ code: z.literal("NO_COMMON_FAMILY") }),
    z.looseObject({ code: z.literal("NO_POD") }),
    z.looseObject({ code: z.literal("NO_SUCH_PORT"), port: z.string(), known: z.array(z.string()) }),
    z.looseObject({ code: z.literal("SEVERAL_PORTS"), port: z.string(), known: z.array(z.string()) }),
  ]),
});

export type PolicyTracePage = PageOf<typeof policyTracePageSchema>;

/** Where the page is, with its question. */
export function policyTracePath(words: {
  readonly from: string;
  readonly to: string;
  readonly port: string;
}) {
  return `/debug/policy-trace?${new URLSearchParams(words)}`;
}

/** The page of a node, by its policy machine; without one it enforces nothing. A question that cannot be read is answered with the reason. */
export function policyTracePage(
  policy: PolicySnapshot | undefined,
  node: string,
  { searchParams }: URL,
): PolicyTracePage | { readonly error: string } {
  const word = (name: string) => searchParams.get(name) ?? "";
  const { flow, problem } = readFlow(word("from"), word("to"), word("port"));
  if (problem !== undefined) return { error: problem };
  if (policy === undefined) return { node, notes: [], answer: { code: "NOT_ENFORCED" } };
  return { node, notes: notesOf(policy), answer: answerOf(policy, node, flow) };
}

type PolicySnapshot = ReturnType<ActorRefFrom<typeof policyMachine>["getSnapshot"]>;

function answerOf({ context }: PolicySnapshot, node: string, flow: AskedFlow): NodeAnswer {
  const { inForce: ledger, enforced } = context;
  if (ledger === null) return { code: "NOT_KNOWN" };
  return traceOnNode({ node, ledger, problems: enforced?.problems ?? [] }, flow);
}

function notesOf(policy: PolicySnapshot): readonly string[] {
  const { ledger, inForce, failure } = policy.context;
  const isAway = policy.matches("crashed") || policy.matches({ working: { knowledge: "stale" } });
  const isRefused = policy.matches({ working: { table: "backingOff" } });
  return [
    ...(isAway ? ["it does not hear of changes from the API server: what was in force before stays"] : []),
    ...(isRefused ? [`its kernel does not take the latest change: ${failure?.message ?? "no reason"}`] : []),
    ...(!isRefused && ledger !== inForce ? ["a change of the last moment is not in force yet"] : []),
  ];
}
