import { expect, test } from "vitest";
import { metricsText } from "../../src/cli/metrics/metrics-text.ts";
import { parseMetrics } from "../../src/cli/metrics/parse-metrics.ts";
import { createStyle } from "../../src/cli/output/style.ts";

const text = `# HELP headcni_serving 1 while ADD is served.
# TYPE headcni_serving gauge
headcni_serving 1

# HELP headcni_peer_path Path, "quoted".
# TYPE headcni_peer_path gauge
headcni_peer_path{peer="a\\"b\\\\c\\nd",path="direct"} 1
# HELP headcni_add_seconds How long.
# TYPE headcni_add_seconds histogram
headcni_add_seconds_bucket{le="0.001",command="ADD"} 5
headcni_add_seconds_bucket{le="0.01",command="ADD"} 9
headcni_add_seconds_bucket{le="+Inf",command="ADD"} 10
headcni_add_seconds_sum{command="ADD"} 0.5
headcni_add_seconds_count{command="ADD"} 10
`;

test("families, labels with escapes and values are read", () => {
  const families = parseMetrics(text);
  expect(families.map(({ name, type }) => [name, type])).toEqual([
    ["headcni_serving", "gauge"],
    ["headcni_peer_path", "gauge"],
    ["headcni_add_seconds", "histogram"],
  ]);
  expect(families[1]?.samples).toEqual([
    { name: "headcni_peer_path", labels: { peer: 'a"b\\c\nd', path: "direct" }, value: 1 },
  ]);
});

test("a histogram is told in one line a series", () => {
  const shown = metricsText(parseMetrics(text), { style: createStyle(false), width: 100 });
  expect(shown).toContain("10 observed, mean 0.05, half <= 0.001, 99 % <= +Inf  command=ADD");
});
