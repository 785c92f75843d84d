import type { WireFrame } from "../../src/observe/inspector/wire.ts";

const source = new EventSource("inspect/stream");
source.addEventListener("message", ({ data }) => {
  const frame = JSON.parse(String(data)) as WireFrame;
  document.body.textContent = JSON.stringify(frame, undefined, 2);
});
