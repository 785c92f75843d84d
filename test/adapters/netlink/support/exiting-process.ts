import { openKernel } from "../../../../src/adapters/netlink/open-kernel.ts";

// Ends with code 7 while the worker sleeps in poll().
await openKernel({ onFailure: () => undefined });
process.exit(7);
