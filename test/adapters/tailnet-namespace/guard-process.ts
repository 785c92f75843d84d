/**
 * The guard on the real kernel, as a process of its own inside a test's namespace: reports go to stdout as JSON lines,
 * "cleanup" on stdin ends it without a trace. Arguments: settings as JSON, runtime directory.
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createActor } from "xstate";
import type { GuardReport, NamespaceHeld } from "../../../machines/guard/guard-events.ts";
import { guardMachine } from "../../../machines/guard/guard-machine.ts";
import { guardActors } from "../../../src/actors/guard-actors.ts";
import { cleanUpGuard } from "../../../src/actors/guard-work.ts";
import { openKernel } from "../../../src/adapters/netlink/open-kernel.ts";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { sysctlMemory } from "../../../src/adapters/state-files/sysctl-memory.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { tailnetLink } from "../../../src/domain/kernel/kernel-constants.ts";
import { wireOperations } from "../../../src/domain/tailnet/wire-operations.ts";
import { recorder } from "../../support/machines/recorder.ts";

const [settingsText = "{}", runtimeDir = ""] = process.argv.slice(2);
const settings = JSON.parse(settingsText) as NamespaceGuard;
const path = join(runtimeDir, "tailnet.netns");

const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

const kernel = await openKernel({
  onFailure: (error) => {
    say({ type: "kernel.failed", message: error.message });
    process.exit(1);
  },
});
const ports = {
  kernel: kernel.state,
  firewall: openFirewall({ tailnetPath: () => path }),
  sysctlMemory: sysctlMemory(join(runtimeDir, "sysctls-before.json")),
};

const root = recorder<GuardReport>();
const guard = createActor(guardMachine.provide({ actors: guardActors(ports, () => settings) }), {
  input: {
    health: recorder<GuardReport>().ref,
    parent: root.ref,
    ownPrefixes: settings.ownPrefixes,
    services: [],
  },
});
let told = 0;
guard.subscribe((snapshot) => {
  for (const report of root.events.slice(told)) say(report);
  told = root.events.length;
  say({ type: "state", value: snapshot.value, repairs: snapshot.context.ledger.repairs });
});
guard.start();
// What headcni-wire does.
await kernel.state.createNamespace(path);
await kernel.state.openNamespace("tailnet", path);
const operations = wireOperations({ ...settings, ...settings.carrier });
for (const name of ["node", "tailnet"] as const) await kernel.state.apply(name, operations[name]);
guard.send({ type: "tailnetNamespace.opened", replyTo: recorder<NamespaceHeld>().ref });

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "cleanup") continue;
  guard.stop();
  await cleanUpGuard(ports);
  await kernel.state.apply("node", [{ op: "link.remove", link: tailnetLink.node }]);
  await kernel.state.removeNamespace(path);
  await kernel.close();
  say({ type: "clean" });
  break;
}
process.exit(0);
