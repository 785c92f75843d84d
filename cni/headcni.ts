import { cniErrorCodes } from "../src/protocol/cni-error-codes.ts";
import { answerCall } from "./call.ts";
import { quickJsPlatform } from "./quickjs-platform.ts";
import { failed, newestVersion, type Outcome } from "./result.ts";

/** Entry point of the stub: whatever happens, the runtime gets a CNI answer and an exit code. */
function main(): never {
  const { stdout, stderr, exitCode } = answerOrInternalError();
  return system.finish(stdout, stderr, exitCode);
}

function answerOrInternalError(): Outcome {
  try {
    return answerCall(quickJsPlatform);
  } catch (error) {
    const failure = {
      code: cniErrorCodes.internal,
      msg: `the plugin failed: ${error}`,
      details: "This is a bug of the headcni plugin; please report it with the configuration of the call.",
    };
    return failed(failure, newestVersion);
  }
}

// The build loads this script once and keeps the state; main.c calls the function for each CNI call.
system.main = main;
