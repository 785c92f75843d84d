import { randomBytes } from "node:crypto";
import type { CallTrace, TraceStep } from "../trace/call-trace.ts";

/**
 * A span in the JSON encoding of opentelemetry/proto/trace/v1/trace.proto: ids are hex (not base64), 64-bit numbers are strings, enums
 * are numbers.
 */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: typeof spanKind.internal | typeof spanKind.server;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly status: { readonly code: 0 | 1 | 2; readonly message?: string };
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

const spanKind = { internal: 1, server: 2 } as const;
const statusCode = { unset: 0, ok: 1, error: 2 } as const;
/** version-traceid-parentid-flags (W3C Trace Context, section 3.2); all zeros is no id. */
const traceparentForm = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** One call as spans: the call itself, and below it each state of its machines, each wait and the kernel's work. */
export function callSpans(call: CallTrace): readonly OtlpSpan[] {
  const [, traceId = randomId(16), parentSpanId = ""] = traceparentForm.exec(call.traceparent) ?? [];
  const rootId = randomId(8);
  const span = (of: SpanTimes, more: Partial<OtlpSpan> & Pick<OtlpSpan, "name">): OtlpSpan => ({
    traceId,
    spanId: randomId(8),
    parentSpanId: rootId,
    kind: spanKind.internal,
    startTimeUnixNano: nanos(call.startedAt, of.atMs),
    endTimeUnixNano: nanos(call.startedAt, of.atMs + of.ms),
    attributes: [],
    status: { code: statusCode.unset },
    ...more,
  });
  const end = call.ms ?? 0;
  const steps = call.steps.filter(({ atMs }) => atMs <= end).toSorted((one, other) => one.atMs - other.atMs);
  return [
    span({ atMs: 0, ms: end }, { ...rootSpan(call), spanId: rootId, parentSpanId }),
    ...steps.flatMap((step, index) => stepSpans(step, { later: steps.slice(index + 1), end, span })),
  ];
}

interface SpanTimes {
  readonly atMs: number;
  readonly ms: number;
}

interface StepPlace {
  readonly later: readonly TraceStep[];
  readonly end: number;
  readonly span: (of: SpanTimes, more: Partial<OtlpSpan> & Pick<OtlpSpan, "name">) => OtlpSpan;
}

function rootSpan(call: CallTrace): Partial<OtlpSpan> & Pick<OtlpSpan, "name"> {
  const { command, containerId, ifname, pod, outcome, error, addresses } = call;
  return {
    name: `CNI ${command}`,
    kind: spanKind.server,
    status:
      outcome === "ok"
        ? { code: statusCode.ok }
        : { code: statusCode.error, message: error === null ? outcome : `${error.msg}: ${error.details}` },
    attributes: [
      ...texts({
        "cni.command": command,
        "container.id": containerId,
        "cni.ifname": ifname,
        "k8s.namespace.name": pod.namespace,
        "k8s.pod.name": pod.name,
        "k8s.pod.uid": pod.uid,
        "headcni.addresses": addresses.join(" "),
      }),
      ...(error === null ? [] : [{ key: "cni.error.code", value: { intValue: String(error.code) } }]),
    ],
  };
}

/** A transition begins the state that lasts until its machine's next one; a final state lasts no time and is left out. */
function stepSpans(step: TraceStep, { later, end, span }: StepPlace): readonly OtlpSpan[] {
  const { atMs } = step;
  switch (step.kind) {
    case "transition": {
      const next = later.find((one) => one.kind === "transition" && one.machine === step.machine);
      const ms = (next?.atMs ?? end) - atMs;
      if (next === undefined && ms < 0.1) return [];
      const attributes = texts({ "headcni.machine": step.machine, "headcni.event": step.event });
      return [span({ atMs, ms }, { name: `${step.machine} ${step.to}`, attributes })];
    }
    case "wait":
      return [span({ atMs, ms: step.ms ?? end - atMs }, { name: `wait ${step.why}` })];
    case "operation": {
      const status =
        step.failure === null
          ? { code: statusCode.ok }
          : { code: statusCode.error, message: step.failure.message };
      const whole = span(step, { name: `kernel ${step.name}`, status });
      let at = atMs + step.ms - step.parts.reduce((sum, { ms }) => sum + ms, 0);
      const parts = step.parts.map(({ name, ms }) => {
        const part = span({ atMs: at, ms }, { name, parentSpanId: whole.spanId });
        at += ms;
        return part;
      });
      return [whole, ...parts];
    }
    default: {
      const unhandled: never = step;
      return unhandled;
    }
  }
}

function texts(attributes: Readonly<Record<string, string>>): readonly OtlpAttribute[] {
  return Object.entries(attributes).flatMap(([key, stringValue]) =>
    stringValue === "" ? [] : [{ key, value: { stringValue } }],
  );
}

/** Milliseconds since the epoch and an offset, in nanoseconds: more than a number holds exactly. */
function nanos(startedAt: number, offsetMs: number): string {
  return String(BigInt(startedAt) * 1_000_000n + BigInt(Math.round(offsetMs * 1_000_000)));
}

function randomId(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
