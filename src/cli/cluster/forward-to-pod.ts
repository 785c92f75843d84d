import type { Socket } from "node:net";
import type { ClusterAccess } from "../../adapters/kubernetes/cluster-access.ts";
import type { NodePod } from "./cluster-client.ts";
import { openPodSocket, podRefusal } from "./pod-socket.ts";

/**
 * Channels of one forwarded port: the first byte of each message. The first two bytes that come on each are the port
 * (k8s.io/kubelet pkg/cri/streaming/portforward).
 */
const channels = { data: 0, error: 1 } as const;
const portBytes = 2;
const protocols = ["v4.channel.k8s.io"];
const answerMs = 15_000;

export interface ForwardCall {
  readonly pod: NodePod;
  /** TCP port on loopback in the pod's network namespace. */
  readonly port: number;
  /** Is destroyed when the forward ends. */
  readonly local: Socket;
}

/**
 * Carries one connection to a port of a pod through the API server, each way no faster than the slower side takes it. Resolves
 * when either side ends. Throws CliError when nobody answered there: it names what refused.
 */
export function forwardToPod(access: ClusterAccess, { pod, port, local }: ForwardCall): Promise<void> {
  const opened = openPodSocket(access, {
    pod,
    subresource: "portforward",
    query: [["ports", String(port)]],
    protocols,
  });
  const { socket, connection } = opened;
  let answered = false;
  let refusal = "";
  const heard = { [channels.data]: 0, [channels.error]: 0 };
  const take = (message: Buffer) => {
    const channel = message[0] === channels.data ? channels.data : channels.error;
    const body = message.subarray(1);
    const skipped = Math.min(body.length, Math.max(0, portBytes - heard[channel]));
    heard[channel] += body.length;
    const bytes = body.subarray(skipped);
    if (bytes.length === 0) return;
    if (channel === channels.error) {
      refusal += bytes.toString("utf8");
      // An error ends the forward; what comes before it has been said.
      socket.close();
      return;
    }
    answered = true;
    if (!local.write(bytes)) connection()?.pause();
  };
  return new Promise<void>((resolve, reject) => {
    const end = (why = "") => {
      clearTimeout(limit);
      local.end();
      void opened.close().then(() => {
        if (why === "" || answered || local.errored !== null) resolve();
        else reject(podRefusal(pod, why));
      }, reject);
    };
    const limit = setTimeout(() => end(`the API server did not forward port ${port} in time`), answerMs);
    local.pause();
    local.on("error", () => end());
    local.on("close", () => end());
    local.on("data", (bytes: Buffer) => {
      socket.send(Buffer.concat([Buffer.of(channels.data), bytes]));
      const wire = connection();
      if (wire?.writableNeedDrain !== true) return;
      local.pause();
      wire.once("drain", () => local.resume());
    });
    local.on("drain", () => connection()?.resume());
    socket.addEventListener("open", () => {
      clearTimeout(limit);
      // undici resumes by itself what it paused for its own parser.
      connection()?.on("resume", () => {
        if (local.writableNeedDrain) connection()?.pause();
      });
      local.resume();
    });
    socket.addEventListener("message", ({ data }) => take(Buffer.from(data as ArrayBuffer)));
    socket.addEventListener("error", ({ message }) =>
      end(
        `the API server does not forward port ${port}${message ? `: ${message}` : ""} (it takes the verbs get and create on pods/portforward)`,
      ),
    );
    socket.addEventListener("close", ({ reason }) => end(refusal || reason));
  });
}
