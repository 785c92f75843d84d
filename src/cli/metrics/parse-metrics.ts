/** A metric and its samples, from Prometheus' text format 0.0.4. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** The family's name, or with _bucket, _sum or _count. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Lines that are neither a comment nor a sample are left out. */
export function parseMetrics(text: string): readonly MetricFamily[] {
  const families: { name: string; help: string; type: string; samples: MetricSample[] }[] = [];
  for (const line of text.split("\n")) {
    const [, what, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (what !== undefined) {
      if (families.at(-1)?.name !== name) families.push({ name, help: "", type: "untyped", samples: [] });
      Object.assign(families.at(-1) ?? {}, what === "HELP" ? { help: rest } : { type: rest });
      continue;
    }
    const sample = parseSample(line);
    if (sample !== undefined) families.at(-1)?.samples.push(sample);
  }
  return families;
}

function parseSample(line: string): MetricSample | undefined {
  const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
  if (match === null) return undefined;
  const [, name = "", labels = "", value = ""] = match;
  const pairs = [...labels.matchAll(/([A-Za-z_]\w*)="((?:\\.|[^"\\])*)"/g)];
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, key = "", quoted = ""]) => [key, unescapeLabel(quoted)])),
    value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value),
  };
}

function unescapeLabel(text: string): string {
  return text.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}
