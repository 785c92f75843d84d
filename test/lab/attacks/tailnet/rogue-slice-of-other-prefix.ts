import type { Attack } from "../attack.ts";
import { announceSlice } from "./announce-slice.ts";

export const rogueSliceOfOtherPrefix: Attack = {
  name: "rogue-slice-of-other-prefix",
  promise: "identity",
  does: "a tailnet member with the nodes' tag announces the addresses of a pod of the other node, takes what this node's pods send it, and sends as it",
  kubernetes: true,
  run: (scene) => announceSlice(scene, "other"),
};
