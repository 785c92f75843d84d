import type { Attack } from "../attack.ts";
import { announceSlice } from "./announce-slice.ts";

export const rogueSliceOfOwnPrefix: Attack = {
  name: "rogue-slice-of-own-prefix",
  promise: "identity",
  does: "a tailnet member with the nodes' tag announces the addresses of a pod of this node, takes what the other node's pods send it, and sends as it",
  kubernetes: true,
  run: (scene) => announceSlice(scene, "node"),
};
