import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import {
  commitSteps,
  hostSteps,
  type LinkIndexes,
  podSteps,
} from "../../../src/adapters/netlink/attachment/attachment-steps.ts";
import { leavingSteps } from "../../../src/adapters/netlink/attachment/detach.ts";
import type { Step } from "../../../src/adapters/netlink/steps.ts";
import { deleteLinkGroup, getLink } from "../../../src/adapters/netlink/wire-format/link-messages.ts";
import {
  encodeMessages,
  type NetlinkMessage,
} from "../../../src/adapters/netlink/wire-format/netlink-message.ts";
import type { AttachmentPlan } from "../../../src/domain/attachment/attachment.ts";
import { resultOfPlan } from "../../../src/domain/attachment/cni-result.ts";
import { parseLinkAlias, planAlias } from "../../../src/domain/attachment/link-alias.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import { attachmentLinkGroup, leavingLinkGroup } from "../../../src/domain/kernel/kernel-constants.ts";
import { successReply } from "../../../src/protocol/reply.ts";
import { compileC } from "../../lab/build/compile-c.ts";
import { addNetns, inNetns, ipBatch, setSysctls } from "../../lab/network/netns.ts";
import { BenchError } from "../bench-error.ts";
import type { Candidate } from "./candidate.ts";
import type { Sandbox } from "./sandboxes.ts";

const routerAddress = "10.251.0.1";
const mtu = 1280;
/** Where floor.c puts the pod's namespace, so that the messages can name it before it is open. */
const namespaceFd = 64;
/** As long as a real one; the kernel keeps it and never reads it. */
const someInode = "4026532000";

/** What the floor needs: where its socket goes, and a prefix for its node's namespace. */
export type FloorOptions = { readonly folder: string; readonly netnsPrefix: string };

/** The floor as a candidate, and what ends its server. */
export type Floor = { readonly candidate: Candidate; stop(): Promise<void> };

/**
 * The least that any CNI plugin with a daemon needs: a C plugin (stub-baseline.c) that makes the stub's exchange, answered by a
 * C server (floor.c) that sends the very bytes which HeadCNI's kernel worker would send for these sandboxes.
 */
export async function startFloor(
  sandboxes: readonly Sandbox[],
  { folder, netnsPrefix }: FloorOptions,
): Promise<Floor> {
  const netns = `${netnsPrefix}floor`;
  await addNetns(netns);
  await setSysctls(netns, { "net.ipv4.ip_forward": "1" });
  await ipBatch(netns, [`address add ${routerAddress}/32 dev lo`]);
  const server = await compileC(join(import.meta.dirname, "floor.c"), ["-lpthread"]);
  const socketPath = join(folder, "floor.sock");
  const remove = hex([deleteLinkGroup(leavingLinkGroup)]);
  const [program, ...args] = inNetns(netns, [server, socketPath, String(namespaceFd), remove]);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  child.stdin.end(sandboxes.map((sandbox, index) => `${podLine(sandbox, index)}\n`).join(""));
  await Promise.race([
    once(child.stdout, "data"),
    exited.then(([code]) => {
      throw new BenchError("PLUGIN_FAILED", `the floor's server ended with ${code}`);
    }),
  ]);
  const plugin = await compileC(join(import.meta.dirname, "stub-baseline.c"), ["-static", "-s"]);
  const config = { cniVersion: "1.0.0", name: "bench-floor", type: "floor", socketPath };
  return {
    candidate: { name: "floor", netns, plugin, cniPath: folder, config },
    stop: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** A line of floor.c's PODS. */
function podLine(sandbox: Sandbox, index: number): string {
  const plan = planOf(sandbox, index);
  const indexes: LinkIndexes = { host: 2 ** 24 + 2 * index, pod: 2 ** 24 + 2 * index + 1 };
  const netns = { fd: namespaceFd, inode: someInode };
  const answer = JSON.stringify(successReply(resultOfPlan(plan, "1.0.0")));
  const batches = [
    messagesOf(hostSteps(true, plan, indexes, netns)),
    messagesOf(podSteps(plan, indexes.pod)),
    messagesOf(commitSteps(plan, indexes.host, netns.inode)),
    [getLink({ name: plan.hostLink })],
    messagesOf(leavingSteps(foundLink(plan, indexes))),
  ];
  return [plan.netns, plan.hostLink, answer, ...batches.map(hex)].join("\t");
}

function planOf({ name, path }: Sandbox, index: number): AttachmentPlan {
  return planAttachment(
    {
      wire: 1,
      command: "ADD",
      cniVersion: "1.0.0",
      containerId: index.toString(16).padStart(64, "0"),
      ifname: "eth0",
      netns: path,
      network: "bench-floor",
      pod: { uid: "6f1c1e0c-9d0e-4a51-a4f5-0b1d5c3f2e11", name, namespace: "bench" },
    },
    { routerAddresses: [routerAddress], mtu },
    { addresses: [`10.251.${1 + (index >> 8)}.${index & 255}`], order: 0 },
  );
}

/** What the look-up of a DEL finds. */
function foundLink(plan: AttachmentPlan, { host }: LinkIndexes): Parameters<typeof leavingSteps>[0] {
  const text = planAlias(plan, "ready", someInode);
  const alias = parseLinkAlias(text);
  if (alias === undefined) throw new BenchError("WRONG_RESULT", `not an alias: ${text}`);
  const link = { index: host, name: plan.hostLink, mac: plan.hostMac, mtu, up: true, kind: "veth" };
  return { link: { ...link, group: attachmentLinkGroup, alias: text }, alias };
}

function messagesOf(steps: readonly Step[]): readonly NetlinkMessage[] {
  return steps.map(({ message }) => message);
}

function hex(messages: readonly NetlinkMessage[]): string {
  return encodeMessages(messages, 1).toString("hex");
}
