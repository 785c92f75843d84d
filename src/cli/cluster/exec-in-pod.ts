import type { WebSocket } from "undici";
import * as z from "zod";
import type { ClusterAccess } from "../../adapters/kubernetes/cluster-access.ts";
import type { NodePod } from "./cluster-client.ts";
import { openPodSocket, podRefusal } from "./pod-socket.ts";

export interface Executed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecCall {
  readonly pod: NodePod;
  readonly container: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Channels of the remote command protocol (k8s.io/apimachinery pkg/util/remotecommand): the first byte of each message. */
const channels = { stdout: 1, stderr: 2, status: 3 } as const;
const protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const maxBytes = 64 * 1024 * 1024;

/** The status that ends the exchange; a command that ran and failed has the cause ExitCode. */
const statusSchema = z.looseObject({
  status: z.string(),
  message: z.string().optional(),
  details: z
    .looseObject({
      causes: z
        .array(z.looseObject({ reason: z.string().optional(), message: z.string().optional() }))
        .optional(),
    })
    .optional(),
});

/** Runs a command in a pod over the API server's exec, without its standard input. Throws CliError when it did not run. */
export async function execInPod(access: ClusterAccess, call: ExecCall): Promise<Executed> {
  const { pod, signal, timeoutMs } = call;
  const words = call.command.map((word) => ["command", word] as const);
  const { socket, close } = openPodSocket(access, {
    pod,
    subresource: "exec",
    query: [...words, ["container", call.container], ["stdout", "true"], ["stderr", "true"]],
    protocols,
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    return await converse(socket, pod, limit);
  } finally {
    await close();
  }
}

function converse(socket: WebSocket, pod: NodePod, limit: AbortSignal): Promise<Executed> {
  const refuse = (why: string) => podRefusal(pod, why);
  return new Promise((resolve, reject) => {
    const chunks: Record<number, Buffer[]> = {
      [channels.stdout]: [],
      [channels.stderr]: [],
      [channels.status]: [],
    };
    const textOf = (channel: number) => Buffer.concat(chunks[channel] ?? []).toString("utf8");
    let bytes = 0;
    limit.addEventListener("abort", () => reject(refuse("the command did not end in time")), { once: true });
    socket.addEventListener("message", ({ data }) => {
      const message = Buffer.from(data as ArrayBuffer);
      bytes += message.length;
      if (bytes > maxBytes) return reject(refuse("the command's output has no end"));
      chunks[message[0] ?? 0]?.push(message.subarray(1));
    });
    socket.addEventListener("error", ({ message, error }) =>
      reject(refuse(`the API server does not exec there: ${message || String(error ?? "refused")}`)),
    );
    socket.addEventListener("close", ({ reason }) => {
      const status = readStatus(textOf(channels.status));
      if (status === undefined) return reject(refuse(`the connection ended early ${reason}`.trim()));
      if ("refused" in status) return reject(refuse(status.refused));
      resolve({ ...status, stdout: textOf(channels.stdout), stderr: textOf(channels.stderr) });
    });
  });
}

function readStatus(text: string): { readonly exitCode: number } | { readonly refused: string } | undefined {
  const parsed = statusSchema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { status, message = "refused", details } = parsed.data;
  if (status === "Success") return { exitCode: 0 };
  const code = details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  return code === undefined ? { refused: message } : { exitCode: Number(code) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
