import { createWebSocketReceiver } from "@statelyai/inspect";
import { createInspectorServer } from "@statelyai/inspect/server";

/**
 * Prints what a server of @statelyai/inspect is told, one message a line, as the receiver of the same package gives it.
 * Usage: node test/support/stately-receiver.ts PORT
 */
const port = Number(process.argv[2]);
createInspectorServer({ port, autoOpen: false });
createWebSocketReceiver({ server: `ws://127.0.0.1:${port}` }).subscribe((event) =>
  console.log(JSON.stringify(event)),
);
