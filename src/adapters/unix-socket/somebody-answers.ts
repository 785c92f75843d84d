import { connect } from "node:net";

/** Whether a process listens on a unix socket; false for every reason why not. */
export function somebodyAnswers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
