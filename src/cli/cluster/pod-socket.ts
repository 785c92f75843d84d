import type { Socket } from "node:net";
import { Agent, buildConnector, WebSocket } from "undici";
import type { ClusterAccess } from "../../adapters/kubernetes/cluster-access.ts";
import { CliError } from "../cli-error.ts";
import type { NodePod } from "./cluster-client.ts";

/** A WebSocket to a subresource of a pod: what `pods/exec` and `pods/portforward` answer to. */
export interface PodSocket {
  /** Gives binary messages as ArrayBuffer. */
  readonly socket: WebSocket;
  /** The connection below it, once there is one: WebSocket itself has no way to slow the other side down. */
  readonly connection: () => Socket | undefined;
  readonly close: () => Promise<void>;
}

export interface PodSocketCall {
  readonly pod: NodePod;
  readonly subresource: "exec" | "portforward";
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Of the WebSocket, the best first. */
  readonly protocols: readonly string[];
}

const connectMs = 5_000;

/** Begins to connect; the socket's own events tell what comes of it. */
export function openPodSocket(access: ClusterAccess, call: PodSocketCall): PodSocket {
  const connectTls = buildConnector({ ...access.tls, allowH2: false, timeout: connectMs });
  const kept: { connection?: Socket } = {};
  const agent = new Agent({
    allowH2: false,
    connect: (options, callback) =>
      connectTls(options, (...result) => {
        if (result[0] === null) kept.connection = result[1];
        callback(...result);
      }),
  });
  const socket = new WebSocket(urlOf(access.server, call), {
    protocols: [...call.protocols],
    dispatcher: agent,
    headers: {
      "user-agent": "headcnictl",
      ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
    },
  });
  socket.binaryType = "arraybuffer";
  return {
    socket,
    connection: () => kept.connection,
    close: async () => {
      socket.close();
      await agent.destroy();
    },
  };
}

function urlOf(server: string, { pod, subresource, query }: PodSocketCall): string {
  const url = new URL(`${server}/api/v1/namespaces/${pod.namespace}/pods/${pod.pod}/${subresource}`);
  url.protocol = "wss:";
  for (const [name, value] of query) url.searchParams.append(name, value);
  return url.href;
}

/** What stands between us and a pod, in words that name the pod and its node. */
export function podRefusal(pod: NodePod, why: string): CliError {
  return new CliError(`pod ${pod.namespace}/${pod.pod} on ${pod.node}: ${why}`, {
    code: "DAEMON_UNREACHABLE",
    where: pod.node,
  });
}
