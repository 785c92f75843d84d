/** A span of time in few characters: "850 ms", "12.4 s", "5 m 03 s", "3 h 20 m", "2 d 4 h". */
export function span(ms: number): string {
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${two(Math.floor(seconds % 60))} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${two(minutes % 60)} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The same in its largest unit alone, for a narrow column: "now", "12 s", "5 m", "3 h". */
export function shortSpan(ms: number): string {
  if (ms < 1000) return "now";
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const;
  const [name, size] = units.find(([, unit]) => ms >= unit) ?? ["s", 1000];
  return `${Math.floor(ms / size)} ${name}`;
}

/** Time of day with milliseconds. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** The same with its date. */
export function dateAndTime(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${timeOfDay(at)}`;
}

/** An event's type as people read it: what XState makes of effects and timers in words. */
export function eventText(type: string, effect = ""): string {
  const [, kind = "", rest = ""] =
    /^xstate\.(done\.actor|error\.actor|after|done\.state)\.(.*)$/.exec(type) ?? [];
  switch (kind) {
    case "done.actor":
      return `${effect === "" ? shortName(rest) : effect} done`;
    case "error.actor":
      return `${effect === "" ? shortName(rest) : effect} failed`;
    case "after":
      return `after ${rest.split(".")[0] ?? rest}`;
    case "done.state":
      return `${shortName(rest)} complete`;
    default:
      return type === "xstate.init" ? "began" : type === "xstate.stop" ? "stopped" : type;
  }
}

/** A machine's subject where room is scarce: the first characters of a container id, and no interface where it is the usual one. */
export function shortSubject(subject: string): string {
  return subject
    .replaceAll(/[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => id.slice(0, 8))
    .replace(/\/eth0$/, "");
}

/** Of an id that XState made up ("0.pods.recovering") the state that runs the effect. */
function shortName(id: string): string {
  if (/^\d+\./.test(id)) return id.slice(id.lastIndexOf(".") + 1);
  return id.length > 40 ? `${id.slice(0, 39)}…` : id;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
