import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { PortForward } from "@kubernetes/client-node/dist/portforward.js";
import type { NodePod } from "./cluster-client.ts";
import { connectionError, podRefusal } from "./pod-refusal.ts";

type ForwardSocket = Exclude<Awaited<ReturnType<PortForward["portForward"]>>, () => unknown>;

const answerMs = 15_000;

export interface ForwardCall {
  readonly pod: NodePod;
  /** TCP port on loopback in the pod's network namespace. */
  readonly port: number;
  /** Is destroyed when the forward ends. */
  readonly local: Socket;
}

/**
 * Carries one connection to a port of a pod through the API server; what comes from there is read no faster than `local` takes it.
 * Resolves when either side ends. Throws CliError when nobody answered there: it names what refused.
 */
export async function forwardToPod(config: KubeConfig, { pod, port, local }: ForwardCall): Promise<void> {
  const ended = Promise.withResolvers<string>();
  const limit = setTimeout(
    () => ended.resolve(`the API server did not forward port ${port} in time`),
    answerMs,
  );
  let socket: ForwardSocket | undefined;
  let answered = false;
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length > 0) answered = true;
      if (!local.write(chunk)) {
        socket?.pause();
        local.once("drain", () => socket?.resume());
      }
      done();
    },
  });
  // The kubelet says here why it does not connect, and nothing else.
  const refusals = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length > 0) ended.resolve(chunk.toString("utf8"));
      done();
    },
  });
  local.pause();
  local.once("error", () => ended.resolve("")).once("close", () => ended.resolve(""));
  new PortForward(config).portForward(pod.namespace, pod.pod, [port], output, refusals, local).then(
    (opened) => {
      clearTimeout(limit);
      socket = opened as ForwardSocket;
      socket.onclose = ({ reason }: { readonly reason: string }) => ended.resolve(reason);
      local.resume();
    },
    (error: unknown) =>
      ended.resolve(`the API server does not forward port ${port}: ${connectionError(error)}`),
  );
  const why = await ended.promise;
  clearTimeout(limit);
  socket?.terminate();
  local.end();
  if (why !== "" && !answered && local.errored === null) throw podRefusal(pod, why);
}
