import { gzipSync } from "node:zlib";
import {
  Line,
  Location,
  Mapping,
  Function as PprofFunction,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from "pprof-format";

/** Where a function stands, as V8's profilers say it; lines count from 0, -1 when unknown. */
export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** What was measured: "cpu"/"nanoseconds". */
export interface Measure {
  readonly type: string;
  readonly unit: string;
}

/** One stack, its innermost function first, with a value for each measure. */
export interface StackSample {
  readonly stack: readonly CallFrame[];
  readonly values: readonly number[];
}

export interface EncodedProfileTerms {
  readonly measures: readonly Measure[];
  /** Every how many units of the last measure a sample was taken, about. */
  readonly period: number;
  readonly startedAtMs: number;
  readonly durationMs: number;
}

/** The samples in pprof's format (google/pprof, proto/profile.proto), compressed, as `go tool pprof` opens them. */
export function encodeProfile(samples: Iterable<StackSample>, terms: EncodedProfileTerms): Uint8Array {
  const stringTable = new StringTable();
  const text = (value: string) => stringTable.dedup(value);
  const valueType = ({ type, unit }: Measure) => new ValueType({ type: text(type), unit: text(unit) });
  const sampleType = terms.measures.map(valueType);
  const mapping = new Mapping({ id: 1, filename: text("headcni") });
  const functions = new Map<string, PprofFunction>();
  const locations = new Map<string, Location>();

  function locationOf(frame: CallFrame): number {
    const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
    const key = `${name} ${frame.url} ${frame.lineNumber}`;
    const known = locations.get(key);
    if (known !== undefined) return Number(known.id);
    const id = locations.size + 1;
    const startLine = Math.max(0, frame.lineNumber + 1);
    functions.set(
      key,
      new PprofFunction({
        id,
        name: text(name),
        systemName: text(name),
        filename: text(frame.url),
        startLine,
      }),
    );
    const line = [new Line({ functionId: id, line: startLine })];
    locations.set(key, new Location({ id, mappingId: 1, address: id, line }));
    return id;
  }

  const sample = [...samples].map(
    ({ stack, values }) => new Sample({ locationId: stack.map(locationOf), value: values.map(Math.round) }),
  );
  const profile = new Profile({
    sampleType,
    sample,
    mapping: [mapping],
    location: [...locations.values()],
    function: [...functions.values()],
    stringTable,
    timeNanos: BigInt(Math.round(terms.startedAtMs)) * 1_000_000n,
    durationNanos: BigInt(Math.round(terms.durationMs)) * 1_000_000n,
    periodType: valueType(terms.measures.at(-1) ?? { type: "samples", unit: "count" }),
    period: terms.period,
  });
  return gzipSync(profile.encode());
}
