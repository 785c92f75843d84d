import { connect } from "node:http2";
import { createConnection } from "node:net";

/**
 * Whether a containerd takes CRI calls. It answers others before that, and a kubelet that starts meanwhile ends: this asks what that asks,
 * for the version. A gRPC call whose message is empty: one byte for "not compressed", four for a length of 0
 * (grpc, doc/PROTOCOL-HTTP2.md); its status is in the trailers, which an error without an answer has in its headers.
 */
export async function answersCri(socket: string): Promise<boolean> {
  const session = connect("http://localhost", { createConnection: () => createConnection(socket) });
  try {
    return await new Promise<boolean>((resolve) => {
      session.on("error", () => resolve(false));
      const call = session.request({
        ":method": "POST",
        ":path": "/runtime.v1.RuntimeService/Version",
        "content-type": "application/grpc",
        te: "trailers",
      });
      call.setTimeout(5000, () => resolve(false));
      call.on("error", () => resolve(false));
      call.on("response", ({ "grpc-status": status }) => status !== undefined && resolve(status === "0"));
      call.on("trailers", ({ "grpc-status": status }) => resolve(status === "0"));
      call.on("close", () => resolve(false));
      call.resume();
      call.end(Buffer.alloc(5));
    });
  } finally {
    session.destroy();
  }
}
