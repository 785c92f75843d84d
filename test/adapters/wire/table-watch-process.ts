import { watchTable } from "../../../src/adapters/netlink/namespaces/watch-table.ts";
import { runProgram } from "../../../src/adapters/nftables/run-program.ts";
import { createAllowlistHost } from "../../../src/adapters/wire/allowlist-host.ts";
import { allowlistTable, allowlistTableName } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { nobodyBelieved } from "../../../src/domain/tailnet/believed-prefixes.ts";

/**
 * Keeps and watches the allowlist in the namespace it is started in, as its parent says: `load` loads it, `disturbed` is a load with a script for
 * nft at its end, `stop` ends the watch, `exit` the process in the midst of it.
 */
export type ToTableProcess =
  | { readonly say: "load"; readonly believed: readonly string[] }
  | { readonly say: "disturbed"; readonly script: string }
  | { readonly say: "stop" | "exit" };

export type FromTableProcess =
  | { readonly heard: string }
  | { readonly failed: string }
  | { readonly done: ToTableProcess["say"] | "start" };

const tell = (message: FromTableProcess) => process.send?.(message);
const host = createAllowlistHost(
  { list: "/nonexistent/allowlist.json", socket: "/nonexistent/tailscaled.sock" },
  ({ prefixes }) => allowlistTable({ supernets: ["10.244.0.0/16"], tunnel: "tailscale0" }, prefixes),
);
const heard = [
  (name: string) => tell({ heard: name }),
  (error: Error) => tell({ failed: error.message }),
] as const;
const { signal } = new AbortController();
let stop = host.watchTable(...heard);

process.on("message", async (message: ToTableProcess) => {
  switch (message.say) {
    case "load":
      await host.apply({ prefixes: message.believed, nodes: [] }, signal);
      break;
    case "disturbed": {
      stop();
      const watch = watchTable(allowlistTableName, ...heard);
      stop = watch.close;
      await watch.duringLoad(async () => {
        await host.apply(nobodyBelieved, signal);
        await runProgram({ program: "nft", args: ["-f", "-"], input: message.script, piped: true });
      });
      break;
    }
    case "stop":
      stop();
      host.close();
      process.disconnect?.();
      return;
    case "exit":
      process.exit(7);
  }
  tell({ done: message.say });
});
tell({ done: "start" });
