import type { ConfigProblem } from "../domain/config-change.ts";
import { problemAt, type ValueView } from "./values/value-view.ts";

const mode = "tailscale.mode";

/** What the owner of the node's tailscaled decides, or nobody has to: in mode host the key would do nothing. */
const daemonKeys: readonly (readonly [string, string])[] = [
  ["tailscale.binary", "its owner starts tailscaled"],
  ["tailscale.interfaceName", "the interface is found by its address"],
  ["tailscale.port", "its owner starts tailscaled"],
  ["tailscale.linkCIDR", "there is no tailnet namespace"],
  ["tailscale.staticEndpoints", "its owner starts tailscaled"],
  ["tailscale.environment", "its owner starts tailscaled"],
  ["tailscale.hostnamePrefix", "the node keeps the name that its owner gave it in the tailnet"],
];

const hostKeys: readonly (readonly [string, string])[] = [
  ["tailscale.socket", "our own tailscaled has its own"],
  ["tailscale.bootUnit", "headcni-wire starts our own tailscaled behind its rules"],
];

/** Keys that belong to the other mode, whatever their value. */
export function checkHostMode(view: ValueView): readonly ConfigProblem[] {
  const isHost = isHostMode(view);
  const strangers = isHost ? daemonKeys : hostKeys;
  return strangers
    .filter(([path]) => view.sourceOf(path) !== "default")
    .map(([path, why]) => {
      const wanted = `must be left out with tailscale.mode: ${isHost ? "host" : "daemon"}: ${why}`;
      return problemAt(view, path, "a value", wanted);
    });
}

/** Whether the node's own tailscaled carries the pods. */
export function isHostMode(view: Pick<ValueView, "get">): boolean {
  return view.get(mode) === "host";
}
