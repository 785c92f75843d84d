import type { Paper } from "../output/style.ts";
import { formatTable, labelledText } from "../output/table.ts";
import type { ConnectTestDocument, ConnectTestPair } from "./connect-test-document.ts";
import type { Echo } from "./diagnose/observation.ts";

/** A row for each pair, then every problem in full: which stretch of the way, why, and what to do. */
export function connectTestText({ pairs, absent, fullBytes }: ConnectTestDocument, paper: Paper): string {
  const { style, width } = paper;
  const paint = { ok: style.good, note: style.warn, fail: style.bad };
  const isMixed = pairs.some(({ family }) => family !== pairs[0]?.family);
  const ifMixed = (text: string) => (isMixed ? [text] : []);
  const headings = ["FROM", "TO", ...ifMixed("IP"), "PATH", "RTT", "64 B", `${fullBytes} B`, "TCP", "RESULT"];
  const rows = pairs.map((pair) => [
    pair.from,
    pair.to,
    ...ifMixed(`v${pair.family}`),
    pair.path,
    pair.roundTripMs === null ? "-" : `${pair.roundTripMs.toFixed(2)} ms`,
    mark(pair.small),
    mark(pair.full),
    pair.megabitsPerSecond === null ? "-" : `${pair.megabitsPerSecond} Mbit/s`,
    paint[pair.result](pair.result === "fail" ? `FAIL: ${pair.hop}` : pair.result),
  ]);
  const problems = distinct(pairs.filter(({ result }) => result !== "ok"));
  const told = problems.flatMap(({ from, to, family, result, hop, where, reason, todo }) => [
    "",
    `${paint[result](result === "fail" ? "FAIL" : "note")}  ${from} -> ${to}${ifMixed(` over IPv${family}`).join("")}${hop === "" ? "" : `: ${hop}${where === "both" ? "" : ` (${where})`}`}`,
    ...labelledText("      why   ", reason, width),
    ...labelledText("      do    ", todo, width),
  ]);
  const missing = absent.flatMap(({ name, why }) => [
    "",
    `${style.bad("FAIL")}  ${name} cannot be asked`,
    ...labelledText("      why   ", why, width),
  ]);
  const failed = pairs.filter(({ result }) => result === "fail").length;
  const verdict =
    pairs.length === 0
      ? style.warn("No other node serves pods in this tailnet: there is nothing to test.")
      : failed === 0
        ? style.good(`${ways(pairs.length)} tested, packets pass on each: ${proven(pairs, fullBytes)}.`)
        : style.bad(`${ways(pairs.length)} tested, ${failed} of them broken.`);
  return [
    ...(pairs.length === 0 ? [] : [formatTable({ headings, rows }, paper)]),
    ...told,
    ...missing,
    "",
    verdict,
  ]
    .join("\n")
    .trim();
}

/** What full packets crossed, none of them cut: address families and paths. */
function proven(pairs: readonly ConnectTestPair[], fullBytes: number): string {
  const families = [4, 6].filter((one) => pairs.some(({ family }) => family === one));
  const count = (one: string) => pairs.filter(({ path }) => path === one).length;
  const paths = [
    ...(count("direct") > 0 ? [`directly on ${count("direct")}`] : []),
    ...(count("relay") > 0 ? [`through a relay on ${count("relay")}`] : []),
  ];
  return [
    `${fullBytes} bytes in one piece`,
    `over ${families.map((family) => `IPv${family}`).join(" and ")}`,
    ...paths,
  ].join(", ");
}

/** One problem of a node shows on each way that leads through it: told once. */
function distinct(pairs: readonly ConnectTestPair[]): readonly ConnectTestPair[] {
  return pairs.filter((pair, index) => pairs.findIndex((other) => other.reason === pair.reason) === index);
}

function ways(count: number): string {
  return count === 1 ? "1 way" : `${count} ways`;
}

function mark(echo: Echo): string {
  return echo === null ? "lost" : "ok";
}
