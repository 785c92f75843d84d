import type { AnyActorRef } from "xstate";
import type { WorkPart } from "../../domain/attachment/attachment.ts";
import { hostLinkName } from "../../domain/attachment/pod-network-plan.ts";
import { toFailure } from "../../domain/failure.ts";
import type { CniReply, CniRequest } from "../../protocol/cni-protocol.ts";
import type { NewsListener } from "../machines/hear-news.ts";
import type { LiveMachine, MachineChange, MachineListener } from "../machines/live-machine.ts";
import { createRing } from "../ring.ts";
import type { CallTrace } from "./call-trace.ts";
import { addStep, beginWait, endWait, type OpenTrace, openTrace } from "./open-trace.ts";

/** The last calls, step by step. Nothing of it throws or waits. */
export interface CallTraces {
  readonly hear: NewsListener;
  /** For the machine observer. */
  readonly listener: MachineListener;
  /** Work on the attachment of a host-side link; `at` is when it began. */
  worked(hostLink: string, work: Work): void;
  /** Oldest first: the last calls, and before them the last that failed. */
  calls(): readonly CallTrace[];
}

export interface Work {
  readonly name: string;
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly parts?: readonly WorkPart[];
  readonly error?: unknown;
}

export interface CallTracesOptions {
  /** Told of each call once it is answered. Must not throw. */
  readonly answered?: ((trace: CallTrace) => void) | undefined;
  readonly monotonicMs?: () => number;
  readonly wallClockMs?: () => number;
}

interface Step {
  readonly from: string;
  readonly event: string;
}

interface Transition extends Step {
  readonly machine: LiveMachine;
  readonly now: number;
}

const callsKept = 256;
/** Kept apart, so that a storm of good calls does not wash them away. */
const failuresKept = 64;

/** Gathers each call's transitions, kernel work and waits from the machine observer, the machines' news and the pods' port. */
export function createCallTraces(options: CallTracesOptions = {}): CallTraces {
  const { answered, monotonicMs = () => performance.now(), wallClockMs = Date.now } = options;
  const last = createRing<OpenTrace>(callsKept);
  const failures = createRing<OpenTrace>(failuresKept);
  const running = new Map<string, OpenTrace>();
  /** Calls whose pod may still tell something, by its host-side link; bounded by the pods that live and the calls that run. */
  const byLink = new Map<string, readonly OpenTrace[]>();
  /** Host-side links of the pods that live. */
  const pods = new Set<string>();
  const requests = new WeakMap<AnyActorRef, OpenTrace>();
  /** The last machine that began: a request tells of its call right afterwards. */
  let newest: LiveMachine | undefined;
  let lastTransition: Transition | undefined;

  function received(callId: string, request: CniRequest, from: AnyActorRef): void {
    const trace = openTrace({ id: callId, request, at: monotonicMs(), startedAt: wallClockMs() });
    running.set(callId, trace);
    last.push(trace);
    if (newest?.ref === from) {
      requests.set(from, trace);
      transition(trace, { machine: newest, from: "", event: "xstate.init", now: trace.at });
    }
    if (trace.hostLink === "") return;
    const others = (byLink.get(trace.hostLink) ?? []).filter(({ ms }) => ms === null);
    byLink.set(trace.hostLink, [...others, trace]);
  }

  function finish(callId: string, reply: CniReply | undefined): void {
    const trace = running.get(callId);
    if (trace === undefined) return;
    running.delete(callId);
    const now = monotonicMs();
    endWait(trace, now);
    trace.ms = now - trace.at;
    trace.outcome = reply === undefined ? "abandoned" : reply.ok ? "ok" : "failed";
    trace.error = reply?.ok === false ? reply.error : null;
    trace.addresses = reply?.ok === true ? (reply.result?.ips ?? []).map(({ address }) => address) : [];
    if (trace.outcome !== "ok") failures.push(trace);
    if (!pods.has(trace.hostLink)) forget(trace);
    answered?.(trace);
  }

  function forget(trace: OpenTrace): void {
    const others = (byLink.get(trace.hostLink) ?? []).filter((other) => other !== trace);
    if (others.length === 0) byLink.delete(trace.hostLink);
    else byLink.set(trace.hostLink, others);
  }

  function podChanged(machine: LiveMachine, change: MachineChange): void {
    const hostLink = hostLinkName(machine.subject);
    const traces = byLink.get(hostLink) ?? [];
    if (change.kind === "transition") podTransition(traces, machine, change);
    else if (change.kind === "began") {
      pods.add(hostLink);
      podTransition(traces, machine, { from: "", event: "xstate.init" });
    } else if (change.kind === "ended") {
      pods.delete(hostLink);
      for (const trace of traces) if (trace.ms !== null) forget(trace);
    }
  }

  /** What happens while a call waits belongs to the call before it. */
  function podTransition(traces: readonly OpenTrace[], machine: LiveMachine, { from, event }: Step): void {
    lastTransition = { machine, from, event, now: monotonicMs() };
    for (const trace of traces) if (trace.wait === undefined) transition(trace, lastTransition);
  }

  function transition(trace: OpenTrace, { machine, from, event, now }: Transition): void {
    const { kind, state } = machine;
    const step = { kind: "transition", machine: kind.name, from, to: state.name, event } as const;
    addStep(trace, { ...step, atMs: now - trace.at });
  }

  return {
    hear(news, from) {
      switch (news.type) {
        case "call.received":
          // The runtime asks for STATUS every few seconds, for ever: that is no news.
          if (news.request.command !== "STATUS") received(news.callId, news.request, from);
          return;
        case "call.queued": {
          const trace = running.get(news.callId);
          if (trace !== undefined) beginWait(trace, monotonicMs(), news.why);
          return;
        }
        case "call.started": {
          const trace = running.get(news.callId);
          if (trace?.wait === undefined) return;
          endWait(trace, monotonicMs());
          // The step in which the pod takes the call is over by now.
          if (lastTransition?.machine.ref === from) transition(trace, lastTransition);
          return;
        }
        case "call.answered":
          finish(news.callId, news.reply);
          return;
        case "call.abandoned":
          finish(news.callId, undefined);
          return;
        case "addresses.assigned":
        case "attachments.ended":
        case "failure.occurred":
          return;
        default:
          news satisfies never;
      }
    },
    listener(machine, change) {
      if (change.kind === "began") newest = machine;
      if (machine.kind.name === "pod") podChanged(machine, change);
      else if (change.kind === "transition") {
        const trace = requests.get(machine.ref);
        if (trace !== undefined) transition(trace, { machine, ...change, now: monotonicMs() });
      }
    },
    worked(hostLink, { name, at, parts = [], error }) {
      const ms = monotonicMs() - at;
      const failure = error === undefined ? null : toFailure(error);
      for (const trace of byLink.get(hostLink) ?? [])
        if (trace.wait === undefined && at >= trace.at)
          addStep(trace, { kind: "operation", atMs: at - trace.at, ms, name, failure, parts });
    },
    calls: () => {
      const all = new Set([...failures.entries(), ...last.entries()]);
      return [...all]
        .toSorted((one, other) => one.startedAt - other.startedAt || one.at - other.at)
        .map(published);
    },
  };
}

/** Times to a microsecond; without what only the recorder needs. */
function published({ at: _, hostLink: __, wait: ___, ...trace }: OpenTrace): CallTrace {
  return {
    ...trace,
    ms: trace.ms === null ? null : rounded(trace.ms),
    steps: trace.steps
      .map((step) => ({
        ...step,
        atMs: rounded(step.atMs),
        ...("ms" in step && step.ms !== null && { ms: rounded(step.ms) }),
      }))
      .toSorted((one, other) => one.atMs - other.atMs),
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
