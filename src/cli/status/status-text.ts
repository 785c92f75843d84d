import type { StatusPage } from "../../observe/pages/status-page.ts";
import { stuckState } from "../machines/machines-text.ts";
import { formatDuration } from "../output/duration.ts";
import type { Paper, Style } from "../output/style.ts";
import { formatTable, labelledText } from "../output/table.ts";
import type { StatusDocument } from "./status-document.ts";

type Line = readonly [label: string, text: string];

/** A node in some twenty lines; peers and routes that are as they should be are only counted unless `everything`. */
export function statusText(document: StatusDocument, paper: Paper, everything: boolean): string {
  const { status, stuck, at } = document;
  const { style } = paper;
  const lines: Line[] = [
    [
      "Node",
      `${style.bold(status.node)}, HeadCNI ${status.version}, up ${formatDuration(at - status.startedAt)}`,
    ],
    ["Ready", readyText(status, style)],
    ...status.readiness.reasons.map((reason): Line => ["", style.warn(reason)]),
    ["Pods", podsText(status)],
    ["Tailnet", tailnetText(status, style)],
    ["Headscale", headscaleText(status, style)],
    ["Peers", peersText(status, style)],
    ["Routes", routesText(status, style)],
    ["Guard", guardText(status, at, style)],
    ...kubernetesLines(status),
    ["Machines", stuck.length === 0 ? "none stuck" : style.bad(`${stuck.length} stuck or failed:`)],
    ...stuck.map((row): Line => {
      const { machine, subject, error } = row;
      const { state, sinceMs, limitMs } = stuckState(row);
      const since = `${formatDuration(sinceMs)}${limitMs === null ? "" : ` of ${formatDuration(limitMs)}`}`;
      return ["", `${machine} ${subject} in ${state} for ${since}${error === undefined ? "" : `: ${error}`}`];
    }),
  ];
  const text = lines
    .flatMap(([label, value]) => labelledText(label.padEnd(labelWidth), value, paper.width))
    .join("\n");
  return [text, ...routeTable(status, paper, everything), ...peerTable(status, paper, everything)].join(
    "\n\n",
  );
}

const labelWidth = 11;

function readyText({ readiness: { serving, state } }: StatusPage, style: Style): string {
  if (!serving) return style.bad("no: new pods get no network here");
  if (state === "proven") return style.good("yes, and its routes are proven");
  return style.warn(`yes, but ${state}`);
}

/** Nobody runs out of more than this, as of an IPv6 /64. */
const countableAddresses = 2 ** 32;

function podsText({ attachments, pools }: StatusPage): string {
  const pool = pools.map(({ prefix, size, used, resting }) => {
    const rest = resting === 0 ? "" : `, ${resting} resting`;
    return `${used}${size < countableAddresses ? ` of ${size}` : ""} addresses of ${prefix} used${rest}`;
  });
  const moving = attachments.filter(({ state }) => state !== "attached").length;
  const count = `${attachments.length} attached${moving === 0 ? "" : ` (${moving} in transition)`}`;
  return [count, ...(pool.length === 0 ? ["pod CIDR not known yet"] : pool)].join("; ");
}

function tailnetText({ tailscale }: StatusPage, style: Style): string {
  const { self, state, backendState, fresh, loginError } = tailscale;
  if (loginError !== "") return style.bad(`login refused: ${loginError}`);
  if (self === null || backendState !== "Running")
    return style.warn(`${state} (tailscaled: ${backendState})`);
  const netmap = fresh ? "" : "; the netmap is from before tailscaled's start";
  return `${self.hostName}, ${self.addresses.join(", ")}; ${state}${netmap}`;
}

function headscaleText({ headscale, tailscale }: StatusPage, style: Style): string {
  const { url, approval, connected, failure, state } = headscale;
  const away = tailscale.needsLogin
    ? style.bad("answers, but does not know this node")
    : style.warn("unreachable; running pods keep working");
  const head = connected ? style.good("connected") : away;
  const ill = failure === "" ? "" : `; ${style.warn(failure)}`;
  return `${head}: ${url}, approval by ${approval}${connected ? "" : ` (${state})`}${ill}`;
}

function peersText({ peers }: StatusPage, style: Style): string {
  const online = peers.filter((peer) => peer.online);
  const direct = online.filter(({ path }) => path === "direct").length;
  const relayed = online.length - direct;
  if (peers.length === 0) return "none";
  const away = peers.length - online.length;
  return [
    `${online.length} online: ${direct} direct`,
    relayed === 0 ? "" : `${relayed} relayed or idle`,
    away === 0 ? "" : style.warn(`${away} offline`),
  ]
    .filter((part) => part !== "")
    .join(", ");
}

const settled = new Set(["serving", "installed"]);

function isSettled({ state, culprit }: StatusPage["routes"][number]): boolean {
  return culprit === "" && settled.has(state);
}

function routesText({ routes, strangers }: StatusPage, style: Style): string {
  const own = routes.filter(({ kind }) => kind === "own");
  const peers = routes.filter(({ kind }) => kind === "peer");
  const unsettled = routes.filter((route) => !isSettled(route)).length;
  const ownText = own.map(({ prefix, state }) => `own ${prefix} ${state}`).join(", ") || "none announced";
  const installed = `${peers.filter(isSettled).length} of ${peers.length} peer routes installed`;
  const looks = unsettled === 0 ? "" : `; ${style.warn(`${unsettled} to look at`)}`;
  const refused = strangers === 0 ? "" : `; ${style.bad(`${strangers} refused that belong to no Node`)}`;
  return `${ownText}; ${installed}${looks}${refused}`;
}

function guardText({ guard }: StatusPage, at: number, style: Style): string {
  const repairs = Object.entries(guard.repairs);
  const total = repairs.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return `${guard.state}, nothing repaired`;
  const list = repairs.map(([invariant, count]) => `${invariant} ${count}`).join(", ");
  const last = guard.lastRepairAt === null ? "" : `, last ${formatDuration(at - guard.lastRepairAt)} ago`;
  return `${guard.state}, ${style.warn(`${total} repaired`)}${last}: ${list}`;
}

function kubernetesLines({ kubernetes }: StatusPage): readonly Line[] {
  if (!kubernetes.enabled) return [];
  const { nodeState, clusterNodesState, podWatchState } = kubernetes;
  return [["Kubernetes", `node ${nodeState}, nodes ${clusterNodesState}, pods ${podWatchState}`]];
}

const maxRows = 30;

function routeTable({ routes }: StatusPage, paper: Paper, everything: boolean): readonly string[] {
  const shown = everything ? routes : routes.filter((route) => !isSettled(route)).slice(0, maxRows);
  if (shown.length === 0) return [];
  const { style } = paper;
  const rows = shown.map((route) => [
    route.prefix,
    route.kind === "own" ? "this node" : route.host,
    isSettled(route) ? route.state : style.warn(route.state),
    route.culprit === "" ? "" : style.bad(route.culprit),
  ]);
  return [formatTable({ headings: ["ROUTE", "OF", "STATE", "CONFLICT"], rows }, paper)];
}

function peerTable({ peers }: StatusPage, paper: Paper, everything: boolean): readonly string[] {
  const shown = everything ? peers : peers.filter(({ online }) => !online).slice(0, maxRows);
  if (shown.length === 0) return [];
  const rows = shown.map(({ name, online, path, endpoint, relay, addresses, routes }) => [
    name,
    online ? pathText(path, endpoint, relay) : paper.style.warn("offline"),
    addresses[0] ?? "",
    routes.join(" "),
  ]);
  return [formatTable({ headings: ["PEER", "PATH", "ADDRESS", "ROUTES"], rows }, paper)];
}

/** tailscaled forgets a direct path a while after the last packet, so relayed and idle cannot be told apart. */
function pathText(path: string, endpoint: string, relay: string): string {
  if (path === "direct") return `direct ${endpoint}`;
  return relay === "" ? "relayed or idle" : `relay ${relay} or idle`;
}
