import { Writable } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { Exec } from "@kubernetes/client-node/dist/exec.js";
import type { NodePod } from "./cluster-client.ts";
import { connectionError, podRefusal } from "./pod-refusal.ts";

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

/** The part of a Status (meta/v1) that ends the exchange; a command that ran and failed has the cause ExitCode. */
type ExecStatus = Parameters<NonNullable<Parameters<Exec["exec"]>[8]>>[0];
type ExecSocket = Awaited<ReturnType<Exec["exec"]>>;

const maxBytes = 64 * 1024 * 1024;

/** Runs a command in a pod over the API server's exec, without its standard input. Throws CliError when it did not run. */
export async function execInPod(config: KubeConfig, call: ExecCall): Promise<Executed> {
  const { pod, container, command, signal, timeoutMs } = call;
  const refuse = (why: string) => podRefusal(pod, why);
  const ended = Promise.withResolvers<ExecStatus>();
  // Whoever waits for the socket hears of the limit first.
  ended.promise.catch(() => undefined);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  limit.addEventListener("abort", () => ended.reject(refuse("the command did not end in time")), {
    once: true,
  });
  let bytes = 0;
  const keepIn = (chunks: Buffer[]) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        if (bytes > maxBytes) ended.reject(refuse("the command's output is too long"));
        else chunks.push(chunk);
        done();
      },
    });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  const opening = new Exec(config)
    .exec(
      pod.namespace,
      pod.pod,
      container,
      [...command],
      keepIn(stdout),
      keepIn(stderr),
      null,
      false,
      (status) => ended.resolve(status),
    )
    .catch((error: unknown) => {
      throw refuse(`the API server does not exec there: ${connectionError(error)}`);
    });
  opening.then(
    (socket) => {
      socket.onclose = ({ reason }: { readonly reason: string }) =>
        ended.reject(refuse(`the connection ended early ${reason}`.trim()));
    },
    (error: unknown) => ended.reject(error),
  );
  try {
    const exitCode = exitCodeOf(await ended.promise, refuse);
    const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString("utf8");
    return { exitCode, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    opening.then(
      (socket: ExecSocket) => socket.terminate(),
      () => undefined,
    );
  }
}

function exitCodeOf({ status, message, details }: ExecStatus, refuse: (why: string) => Error): number {
  if (status === "Success") return 0;
  const code = details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  if (code === undefined) throw refuse(message ?? "refused");
  return Number(code);
}
