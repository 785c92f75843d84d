import { tailscaledStatus } from "../../tailnet/local-api.ts";
import type { Scene } from "../attack.ts";

/** What the tailscaled of the attacked node has heard of the other node: "online, serves its prefix, direct". */
export async function toldOf({ node, other }: Scene): Promise<string> {
  const { ID } = (await tailscaledStatus(other.tailscaledSocket)).Self;
  const { Peer } = await tailscaledStatus(node.tailscaledSocket);
  const peer = Object.values(Peer ?? {}).find((each) => each.ID === ID);
  const serves = peer?.PrimaryRoutes?.includes(other.podCIDR) === true;
  return `${peer?.Online === true ? "online" : "offline"}, ${serves ? "serves" : "does not serve"} its prefix, ${peer?.CurAddr === "" ? "no direct path" : "direct"}`;
}
