import { execInPod, type Pod } from "../pods.ts";
import { fetchFrom } from "../traffic/traffic.ts";
import { type Cell, type Screen, tableLines } from "./screen.ts";

const transferBytes = 1_000_000;

/** What one pod found out about another. */
type PairReport = {
  readonly from: Pod;
  readonly to: Pod;
  /** Round trip in ms, undefined without an answer. */
  readonly pingMs: number | undefined;
  readonly transferMs: number | undefined;
  readonly source: string | undefined;
};

/** Has every pod ping and download from every other, and prints the table. True if all of it worked with the pods' own addresses. */
export async function showPodPairs(screen: Screen, pods: readonly Pod[]): Promise<boolean> {
  const reports = (await Promise.all(pods.map((from) => reportFrom(from, pods)))).flat();
  const header = ["FROM", "", "TO", "", "NODES", "PING", "1 MB BY HTTP", "RECEIVER SAW", ""];
  screen.print(
    ...tableLines(
      screen,
      header,
      reports.map((report) => rowOf(screen, report)),
    ),
  );
  return reports.every(isGood);
}

async function reportFrom(from: Pod, pods: readonly Pod[]): Promise<readonly PairReport[]> {
  const others = pods.filter((pod) => pod !== from);
  const pings: (number | undefined)[] = [];
  for (const to of others) pings.push(await ping(from, to));
  const transfers = await fetchFrom(from, others, transferBytes);
  return others.map((to, index) => {
    const transfer = transfers[index];
    const complete = transfer?.bytes === transferBytes && transfer.error === undefined;
    return {
      from,
      to,
      pingMs: pings[index],
      transferMs: complete ? transfer.milliseconds : undefined,
      source: transfer?.source,
    };
  });
}

async function ping(from: Pod, to: Pod): Promise<number | undefined> {
  const { exitCode, stdout } = await execInPod(from, [
    "ping",
    "-q",
    "-c",
    "3",
    "-i",
    "0.05",
    "-W",
    "2",
    to.address,
  ]);
  // rtt min/avg/max/mdev = 0.380/0.789/2.620/0.342 ms
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1];
  return exitCode === 0 && average !== undefined ? Number(average) : undefined;
}

function isGood(report: PairReport): boolean {
  return (
    report.pingMs !== undefined && report.transferMs !== undefined && report.source === report.from.address
  );
}

function rowOf(screen: Screen, report: PairReport): readonly Cell[] {
  const { from, to, pingMs, transferMs, source } = report;
  const good = isGood(report);
  return [
    from.name,
    from.address,
    to.name,
    to.address,
    from.node === to.node ? `${from.node}` : `${from.node} > ${to.node}`,
    pingMs === undefined ? { text: "lost", paint: screen.bad } : `${pingMs.toFixed(2)} ms`,
    transferMs === undefined ? { text: "broken", paint: screen.bad } : `${transferMs.toFixed(0)} ms`,
    source ?? "nobody",
    good ? { text: "ok", paint: screen.good } : { text: "WRONG", paint: screen.bad },
  ];
}
