import fc from "fast-check";
import { cniOperations } from "../../src/protocol/cni-protocol.ts";

/** No NUL: the kernel cannot put one into an environment. */
const text = fc.string({ unit: "binary", maxLength: 20 }).map((value) => value.replaceAll("\0", ""));
const name = fc.constantFrom("c1", "eth0", "headcni", "a-b.c_d", "interface-name-1", "../x", "a b", "%", "");
const argument = fc.oneof(
  text,
  fc.constantFrom("K8S_POD_NAME=web", "K8S_POD_UID=u=1", "IgnoreUnknown=1", "=", "K8S_POD_NAMESPACE"),
);

/** Environments of a call: every variable absent, right, nearly right or anything. `netns` is one that is usable. */
export function arbitraryEnvironment(netns: string): fc.Arbitrary<Record<string, string>> {
  const variables = {
    CNI_COMMAND: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...cniOperations, "VERSION") }, text),
    CNI_CONTAINERID: fc.oneof({ weight: 3, arbitrary: fc.constant("c1") }, name, text),
    CNI_NETNS: fc.oneof(
      { weight: 3, arbitrary: fc.constant(netns) },
      fc.constantFrom("/etc/passwd", "/", "x"),
      text,
    ),
    CNI_IFNAME: fc.oneof({ weight: 3, arbitrary: fc.constant("eth0") }, name, text),
    CNI_ARGS: fc.array(argument, { maxLength: 4 }).map((pairs) => pairs.join(";")),
    CNI_PATH: fc.constant("/opt/cni/bin"),
    TRACEPARENT: fc.oneof(text, fc.constant(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`)),
  };
  return fc.record(variables, { requiredKeys: ["CNI_COMMAND"] });
}

const result = fc.record(
  {
    cniVersion: fc.constantFrom("1.0.0", "1.1.0", "0.4.0"),
    interfaces: fc.oneof(fc.array(fc.record({ name: text, mac: text })), fc.jsonValue()),
    ips: fc.oneof(fc.array(fc.record({ address: text, interface: fc.nat(3) })), fc.jsonValue()),
    routes: fc.oneof(fc.array(fc.record({ dst: text })), fc.jsonValue()),
    dns: fc.oneof(fc.constant({}), fc.jsonValue()),
  },
  { requiredKeys: [] },
);

/** Contents of stdin: configurations with every key absent, right or anything, other JSON, and no JSON at all. */
export function arbitraryInput(socketPath: string): fc.Arbitrary<string> {
  const attachments = fc.oneof(
    fc.array(fc.record({ containerID: name, ifname: name }, { requiredKeys: [] })),
    fc.jsonValue(),
  );
  const config = fc.record(
    {
      cniVersion: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom("1.0.0", "1.1.0") },
        fc.constantFrom("0.4.0", ""),
        fc.jsonValue(),
      ),
      name: fc.oneof({ weight: 5, arbitrary: fc.constant("headcni") }, name, fc.jsonValue()),
      // Always ours: a test must not talk to whatever else is on the machine.
      socketPath: fc.constant(socketPath),
      prevResult: fc.oneof(result, fc.jsonValue()),
      "cni.dev/valid-attachments": attachments,
      "cni.dev/attachments": attachments,
    },
    { requiredKeys: ["cniVersion", "name", "socketPath"] },
  );
  const anything = fc.oneof(
    text,
    fc.jsonValue().map((value) => JSON.stringify(value)),
  );
  return fc.oneof({ weight: 6, arbitrary: config.map((value) => JSON.stringify(value)) }, anything);
}

/** What a daemon may send back, whole replies and rubbish, without the newline. */
export const arbitraryReplyLine: fc.Arbitrary<string> = fc.oneof(
  fc.constant('{"wire":1,"ok":true}'),
  result.map((value) => JSON.stringify({ wire: 1, ok: true, result: value })),
  fc
    .record({ code: fc.constantFrom(5, 11, 50, 99, "x"), msg: fc.jsonValue(), details: text })
    .map((error) => JSON.stringify({ wire: 1, ok: false, error })),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  text.map((value) => value.replaceAll("\n", "")),
);
