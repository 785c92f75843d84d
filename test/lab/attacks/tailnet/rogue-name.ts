import { readFile } from "node:fs/promises";
import { actsOnTerminal } from "../../../support/acts-on-terminal.ts";
import { daemonGet } from "../../headcni/daemon-pages.ts";
import { runCtl } from "../../headcni/run-ctl.ts";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { tailscaledStatus } from "../../tailnet/local-api.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack, Finding } from "../attack.ts";
import { untilServed, withMember } from "../tools/member.ts";

/** Turns a terminal red, clears it, sets its title, and writes a line of its own; the last is one byte of C1 (ECMA-48). */
const escapes = "\u001b[31m\u001b[2J\u001b]0;owned\u0007\nall is well\u009b32m";
const hostName = `rogue${escapes}`;

export const rogueName: Attack = {
  name: "rogue-name",
  promise: "names",
  does: "a tailnet member with the nodes' tag and control characters in its host name announces a slice of this node's prefix, so that everybody names it",
  kubernetes: false,
  run: async ({ lab, node }) => {
    const slice = `10.244.${node.index}.250/32`;
    return await withMember(lab, "rogue", async (rogue) => {
      await rogue.rename(hostName);
      await rogue.announce([slice]);
      await untilServed(lab, rogue, node, slice);
      const named = async () => {
        const { Peer } = await tailscaledStatus(node.tailscaledSocket);
        return Object.values(Peer ?? {}).some((peer) => peer.HostName.includes("\u001b"));
      };
      await waitUntil(named, { what: `${node.name} hears the rogue's name`, timeoutMs: 30_000 });
      const shown = async () => {
        const text = await headcnictl(lab, node, ["status", "--peers"]);
        return text.includes("rogue") && text;
      };
      const status = await waitUntil(shown, {
        what: "headcnictl status shows the rogue",
        timeoutMs: 30_000,
      });
      const words = ["machines", "logs", "doctor"] as const;
      const [machines, logs, doctor] = await Promise.all(words.map((word) => headcnictl(lab, node, [word])));
      const texts = {
        "headcnictl status": status,
        "headcnictl machines": machines ?? "",
        "headcnictl logs": logs ?? "",
        "headcnictl doctor": doctor ?? "",
        "/metrics": (await daemonGet(node, "/metrics")).body,
        "the daemon's log": await readFile(node.logFile, "utf8"),
      };
      return Object.entries(texts).map(([where, text]) => verdict(where, text));
    });
  },
};

/** Characters in a text that no line of it may hold, by their code points. */
export function controlCharacters(text: string): readonly string[] {
  return [...new Set(text)]
    .filter(actsOnTerminal)
    .map((character) => `U+${hex(character)}`)
    .sort();
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function verdict(where: string, text: string): Finding {
  const found = controlCharacters(text);
  // A line end of the rogue's would begin a line with its words.
  const forged = text.split("\n").some((line) => line.startsWith("all is well"));
  const saw = found.length > 0 ? `${found.join(" ")} in ${where}` : `a line of the rogue's in ${where}`;
  return found.length > 0 || forged ? { saw, harm: true } : { saw: `${where} is clean`, harm: false };
}

async function headcnictl(lab: Lab, node: LabNode, words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runCtl(lab, node, words);
  if (stdout === "") throw new LabError("COMMAND_FAILED", `headcnictl ${words.join(" ")}: ${stderr}`);
  return stdout;
}
