import type { Lab } from "../../lab-types.ts";
import { type Capture, captureIn } from "../../network/capture.ts";
import { inNetns } from "../../network/netns.ts";
import type { CommandLine } from "../../run-command.ts";

/** A link that is looked at while an attack goes on. */
export interface WatchedLink {
  /** For people: "the remote pod". */
  readonly what: string;
  readonly enter: (command: CommandLine) => CommandLine;
  readonly link: string;
  /** The packets that count (pcap-filter(7)). */
  readonly filter: string;
}

/** What came by at a link, a line for each packet as tcpdump prints it. */
export interface SeenAtLink {
  readonly what: string;
  readonly lines: readonly string[];
}

/** A link of one of the lab's namespaces. */
export function linkIn(netns: string, link: string): Pick<WatchedLink, "enter" | "link"> {
  return { enter: (command) => inNetns(netns, command), link };
}

/** Does something while links are watched. `work` ends with traffic that must pass there after what counts. */
export async function watchLinks(
  lab: Lab,
  links: readonly WatchedLink[],
  work: () => Promise<void>,
): Promise<readonly SeenAtLink[]> {
  const captures: Capture[] = [];
  const stopAll = () =>
    Promise.all(captures.map((capture, index) => capture.stop(links[index]?.filter ?? "")));
  try {
    for (const { enter, link } of links) captures.push(await captureIn(lab, enter, link));
    await work();
  } catch (error) {
    await stopAll();
    throw error;
  }
  const lines = await stopAll();
  return links.map(({ what }, index) => ({ what, lines: lines[index] ?? [] }));
}
