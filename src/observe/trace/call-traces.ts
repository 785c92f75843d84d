import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from "xstate";
import type { PodContext } from "../../../machines/pod/pod-setup.ts";
import type { PodsContext } from "../../../machines/pods/pods-context.ts";
import type { WorkPart } from "../../domain/attachment.ts";
import { toFailure } from "../../domain/failure.ts";
import type { CniReply, CniRequest } from "../../protocol/wire-types.ts";
import type { LiveMachine, MachineListener } from "../live-machine.ts";
import { createRing } from "../ring.ts";
import type { CallTrace } from "./call-trace.ts";
import { addStep, beginWait, endWait, type OpenTrace, openTrace } from "./open-trace.ts";

/** The last calls, step by step. Nothing of it throws or waits. */
export interface CallTraces {
  /** For `createActor(root, { inspect })`. */
  readonly inspect: (event: InspectionEvent) => void;
  /** For the machine observer. */
  readonly listener: MachineListener;
  /** Work on the attachment of a key, or of a host-side link; `at` is when it began. */
  worked(of: { readonly key: string } | { readonly hostLink: string }, work: Work): void;
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

const callsKept = 256;
/** Kept apart, so that a storm of good calls does not wash them away. */
const failuresKept = 64;

type Told =
  | { readonly type: "request.received"; readonly exchangeId: string; readonly request: CniRequest }
  | { readonly type: "exchange.reply"; readonly exchangeId: string; readonly reply: CniReply }
  | { readonly type: "exchange.closed"; readonly exchangeId: string };

const callTypes: ReadonlySet<string> = new Set(["pod.attachWanted", "pod.detachWanted", "pod.checkWanted"]);

/** Gathers each call's transitions, kernel work and waits from the machine observer, the events and the pods' port. */
export function createCallTraces(options: CallTracesOptions = {}): CallTraces {
  const { answered, monotonicMs = () => performance.now(), wallClockMs = Date.now } = options;
  const last = createRing<OpenTrace>(callsKept);
  const failures = createRing<OpenTrace>(failuresKept);
  const running = new Map<string, OpenTrace>();
  /** Calls whose pod may still tell something; bounded by the pods that live and the calls that run. */
  const byKey = new Map<string, readonly OpenTrace[]>();
  /** The pods that live: key by host-side link, and the other way. */
  const keys = new Map<string, string>();
  const links = new Map<string, string>();
  const requests = new WeakMap<AnyActorRef, OpenTrace>();

  function received(exchangeId: string, request: CniRequest): void {
    const trace = openTrace({ id: exchangeId, request, at: monotonicMs(), startedAt: wallClockMs() });
    running.set(exchangeId, trace);
    last.push(trace);
    if (trace.key === "") return;
    const others = (byKey.get(trace.key) ?? []).filter(({ ms }) => ms === null);
    byKey.set(trace.key, [...others, trace]);
  }

  function finish(exchangeId: string, reply: CniReply | undefined): void {
    const trace = running.get(exchangeId);
    if (trace === undefined) return;
    running.delete(exchangeId);
    const now = monotonicMs();
    endWait(trace, now);
    trace.ms = now - trace.at;
    trace.outcome = reply === undefined ? "abandoned" : reply.ok ? "ok" : "failed";
    trace.error = reply?.ok === false ? reply.error : null;
    trace.addresses = reply?.ok === true ? (reply.result?.ips ?? []).map(({ address }) => address) : [];
    if (trace.outcome !== "ok") failures.push(trace);
    if (!links.has(trace.key)) forget(trace);
    answered?.(trace);
  }

  function forget(trace: OpenTrace): void {
    const others = (byKey.get(trace.key) ?? []).filter((other) => other !== trace);
    if (others.length === 0) byKey.delete(trace.key);
    else byKey.set(trace.key, others);
  }

  /** Where a call is put: the registry may hold it until the daemon is ready, a pod behind another of its key. */
  function placed(requestId: string, { machine, context, value }: AnyMachineSnapshot): void {
    const trace = running.get(requestId);
    if (trace === undefined || trace.wait !== undefined) return;
    const waits = (calls: readonly { readonly requestId: string }[]) =>
      calls.some((call) => call.requestId === requestId);
    const now = monotonicMs();
    if (machine.id === "pods") {
      const { held, opened } = context as PodsContext;
      if (waits(held))
        beginWait(
          trace,
          now,
          opened ? "until the kernel's attachments are known" : "until the node can take pods",
        );
    } else {
      const { call, queue } = context as PodContext;
      // An attached pod takes it in the same step.
      if (value !== "attached" && waits(queue))
        beginWait(trace, now, `behind the ${call?.request.command ?? "removal"} of the same attachment`);
    }
  }

  /** A pod works for this call now. */
  function taken({ call }: PodContext): void {
    const trace = call === null ? undefined : running.get(call.requestId);
    if (trace?.wait !== undefined) endWait(trace, monotonicMs());
  }

  function podMoved(machine: LiveMachine, from: string, event: string): void {
    const now = monotonicMs();
    // What happens while a call waits belongs to the call before it.
    for (const trace of byKey.get(machine.subject) ?? [])
      if (trace.wait === undefined) transition(trace, machine, from, { event, now });
  }

  function transition(
    trace: OpenTrace,
    { kind, state }: LiveMachine,
    from: string,
    { event, now }: { readonly event: string; readonly now: number },
  ): void {
    const step = { kind: "transition", machine: kind.name, from, to: state.name, event } as const;
    addStep(trace, { ...step, atMs: now - trace.at });
  }

  return {
    inspect(inspected) {
      if (inspected.type === "@xstate.microstep") {
        const { event } = inspected;
        const snapshot = inspected.snapshot as AnyMachineSnapshot;
        if (snapshot.machine.id === "pod") taken(snapshot.context as PodContext);
        if (!callTypes.has(event.type)) return;
        const { requestId } = event as unknown as { readonly requestId: string };
        placed(requestId, snapshot);
        return;
      }
      if (inspected.type !== "@xstate.event") return;
      const event = inspected.event as unknown as Told;
      // The runtime asks for STATUS every few seconds, for ever: that is no news.
      if (event.type === "request.received" && event.request.command !== "STATUS")
        received(event.exchangeId, event.request);
      else if (event.type === "exchange.reply") finish(event.exchangeId, event.reply);
      else if (event.type === "exchange.closed") finish(event.exchangeId, undefined);
    },
    listener: {
      began(machine) {
        const { name } = machine.kind;
        if (name !== "request" && name !== "pod") return;
        const { context } = machine.ref.getSnapshot() as AnyMachineSnapshot;
        if (name === "pod") {
          const { plan } = context as PodContext;
          keys.set(plan.hostLink, plan.key);
          links.set(plan.key, plan.hostLink);
          taken(context as PodContext);
          podMoved(machine, "", "xstate.init");
          return;
        }
        const trace = running.get((context as { readonly exchangeId: string }).exchangeId);
        if (trace === undefined) return;
        requests.set(machine.ref, trace);
        transition(trace, machine, "", { event: "xstate.init", now: monotonicMs() });
      },
      moved(machine, from, { event }) {
        if (machine.kind.name === "pod") podMoved(machine, from, event);
        else if (machine.kind.name === "request") {
          const trace = requests.get(machine.ref);
          if (trace !== undefined) transition(trace, machine, from, { event, now: monotonicMs() });
        }
      },
      failed: () => undefined,
      ended(machine) {
        if (machine.kind.name !== "pod") return;
        keys.delete(links.get(machine.subject) ?? "");
        links.delete(machine.subject);
        for (const trace of byKey.get(machine.subject) ?? []) if (trace.ms !== null) forget(trace);
      },
    },
    worked(of, { name, at, parts = [], error }) {
      const key = "key" in of ? of.key : keys.get(of.hostLink);
      if (key === undefined) return;
      const ms = monotonicMs() - at;
      const failure = error === undefined ? null : toFailure(error);
      for (const trace of byKey.get(key) ?? [])
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
function published({ at: _, key: __, wait: ___, ...trace }: OpenTrace): CallTrace {
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
