import { runChecks } from "./checks.ts";

/** `npm run check`: the checks that need no lab. */
const { failed } = await runChecks();
process.exitCode = failed.length === 0 ? 0 : 1;
