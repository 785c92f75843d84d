import type { CniResult } from "../../src/protocol/wire-types.ts";
import type { DaemonScript } from "./scripted-daemon.ts";

/** One CNI call and what must come of it, whatever runs the stub's core. */
export interface CallVector {
  readonly title: string;
  readonly env: Readonly<Record<string, string>>;
  /** An object is written as JSON with the test's socketPath added, a string as it is. */
  readonly stdin: string | Readonly<Record<string, unknown>>;
  readonly expected: ExpectedSuccess | ExpectedError;
  /** Absent: a daemon is there and must not be asked. */
  readonly daemon?: DaemonScript;
  /** What the daemon must have understood, each time it was asked. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** The request must be in the spool. */
  readonly spooled?: true;
}
interface ExpectedSuccess {
  readonly stdout: Readonly<Record<string, unknown>> | "";
}
interface ExpectedError {
  readonly code: number;
  readonly cniVersion: string;
  /** Words that the error's msg must contain. */
  readonly says: readonly string[];
}

/** Paths that are no usable network namespace, on any Linux. */
const places = {
  own: "/proc/self/ns/net",
  mount: "/proc/self/ns/mnt",
  file: "/etc/passwd",
  missing: "/nonexistent/netns",
} as const;
export const netnsKinds = {
  [places.own]: "own",
  [places.mount]: "notNamespace",
  [places.file]: "notNamespace",
} as const;

const v100 = { cniVersion: "1.0.0", name: "headcni", type: "headcni" };
const v110 = { ...v100, cniVersion: "1.1.0" };
const args =
  "K8S_POD_UID=u-1;IgnoreUnknown=1;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_NAMESPACE=default";
const pod = { namespace: "default", name: "web", uid: "u-1" };
const noPod = { namespace: "", name: "", uid: "" };

function resultIn(netns: string): CniResult {
  return {
    cniVersion: "1.1.0",
    interfaces: [
      { name: "hc0123", mac: "0a:00:00:00:00:01", mtu: 1280 },
      { name: "eth0", mac: "0a:00:00:00:00:02", mtu: 1280, sandbox: netns },
    ],
    ips: [{ address: "10.244.1.7/32", gateway: "169.254.1.1", interface: 1 }],
    routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
    dns: {},
  };
}

/** The table; `netns` is a network namespace other than the caller's. */
export function callVectors(netns: string): readonly CallVector[] {
  const result = resultIn(netns);
  const added: DaemonScript = { kind: "replies", reply: { wire: 1, ok: true, result } };
  const done: DaemonScript = { kind: "replies", reply: { wire: 1, ok: true } };
  const variables = { CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0", CNI_PATH: "/opt/cni/bin" };
  const add = { ...variables, CNI_COMMAND: "ADD", CNI_ARGS: args };
  const del = { ...variables, CNI_COMMAND: "DEL", CNI_ARGS: args };
  const check = { ...variables, CNI_COMMAND: "CHECK", CNI_ARGS: args };
  const gc = { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" };
  const status = { CNI_COMMAND: "STATUS" };
  const version = { CNI_COMMAND: "VERSION" };
  const versions = { supportedVersions: ["1.0.0", "1.1.0"] };
  const attachment = { wire: 1, network: "headcni", containerId: "c1", ifname: "eth0", netns, pod };
  const node = {
    wire: 1,
    network: "headcni",
    cniVersion: "1.1.0",
    containerId: "",
    ifname: "",
    netns: "",
    pod: noPod,
  };
  const noMtu = result.interfaces.map(({ mtu: _, ...rest }) => rest);
  const refusal = { code: 11, msg: "pool is full", details: "254 of 254 addresses in use" } as const;
  const refusing: DaemonScript = { kind: "replies", reply: { wire: 1, ok: false, error: refusal } };

  return [
    // What each command does when all is well.
    {
      title: "ADD 1.1.0 prints the daemon's result",
      env: add,
      stdin: v110,
      daemon: added,
      request: { ...attachment, command: "ADD", cniVersion: "1.1.0" },
      expected: { stdout: { ...result, cniVersion: "1.1.0" } },
    },
    {
      title: "ADD 1.0.0 prints a result without mtu",
      env: add,
      stdin: v100,
      daemon: added,
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { stdout: { ...result, cniVersion: "1.0.0", interfaces: noMtu } },
    },
    {
      title: "ADD after another plugin passes its result through and moves its own indices",
      env: add,
      stdin: {
        ...v100,
        prevResult: {
          cniVersion: "1.0.0",
          interfaces: [{ name: "dummy0", mac: "0a:00:00:00:00:09" }],
          ips: [{ address: "192.0.2.1/32", interface: 0 }],
          dns: { nameservers: ["192.0.2.53"] },
        },
      },
      daemon: added,
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: {
        stdout: {
          cniVersion: "1.0.0",
          interfaces: [{ name: "dummy0", mac: "0a:00:00:00:00:09" }, ...noMtu],
          ips: [
            { address: "192.0.2.1/32", interface: 0 },
            { address: "10.244.1.7/32", gateway: "169.254.1.1", interface: 2 },
          ],
          routes: result.routes,
          dns: { nameservers: ["192.0.2.53"] },
        },
      },
    },
    {
      title: "ADD hands a trace context on and knows no pod outside Kubernetes",
      env: { ...variables, CNI_COMMAND: "ADD", TRACEPARENT: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
      stdin: v100,
      daemon: added,
      request: {
        ...attachment,
        command: "ADD",
        cniVersion: "1.0.0",
        pod: noPod,
        traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      },
      expected: { stdout: { ...result, cniVersion: "1.0.0", interfaces: noMtu } },
    },
    {
      title: "DEL without a network namespace says nothing and succeeds",
      env: { ...del, CNI_NETNS: "" },
      stdin: v100,
      daemon: done,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0", netns: "" },
      expected: { stdout: "" },
    },
    {
      title: "DEL does not care about a namespace that is gone, a bad CNI_ARGS or a bad prevResult",
      env: { ...del, CNI_NETNS: places.missing, CNI_ARGS: "nonsense" },
      stdin: { ...v100, prevResult: 7 },
      daemon: done,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0", netns: places.missing, pod: noPod },
      expected: { stdout: "" },
    },
    {
      title: "CHECK hands the previous result on, with what other implementations leave out filled in",
      env: check,
      stdin: { ...v100, prevResult: { cniVersion: "1.0.0", ips: [{ address: "10.244.1.7/32" }] } },
      daemon: done,
      request: {
        ...attachment,
        command: "CHECK",
        cniVersion: "1.0.0",
        prevResult: {
          cniVersion: "1.0.0",
          interfaces: [],
          ips: [{ address: "10.244.1.7/32", gateway: "", interface: -1 }],
          routes: [],
          dns: {},
        },
      },
      expected: { stdout: "" },
    },
    {
      title: "GC names the attachments that are still valid",
      env: gc,
      stdin: { ...v110, "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] },
      daemon: done,
      request: { ...node, command: "GC", validAttachments: [{ containerId: "c1", ifname: "eth0" }] },
      expected: { stdout: "" },
    },
    {
      title: "GC takes libcni's older key, and an empty list means that nothing is valid",
      env: gc,
      stdin: { ...v110, "cni.dev/attachments": [] },
      daemon: done,
      request: { ...node, command: "GC", validAttachments: [] },
      expected: { stdout: "" },
    },
    {
      title: "STATUS asks the daemon",
      env: status,
      stdin: v110,
      daemon: done,
      request: { ...node, command: "STATUS" },
      expected: { stdout: "" },
    },
    {
      title: "VERSION answers in the version it was asked in, even an unknown one",
      env: version,
      stdin: '{"cniVersion":"9.9.9"}',
      expected: { stdout: { ...versions, cniVersion: "9.9.9" } },
    },
    {
      title: "VERSION with an empty stdin answers in the newest version",
      env: version,
      stdin: "",
      expected: { stdout: { ...versions, cniVersion: "1.1.0" } },
    },
    // What the daemon answers or fails to answer.
    {
      title: "a refusal by the daemon is printed with the version of the call",
      env: add,
      stdin: v100,
      daemon: refusing,
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 11, cniVersion: "1.0.0", says: ["pool is full"] },
    },
    {
      title: "a DEL that the daemon refuses fails",
      env: del,
      stdin: v100,
      daemon: refusing,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0" },
      expected: { code: 11, cniVersion: "1.0.0", says: ["pool is full"] },
    },
    {
      title: "a reply that is not JSON is code 6",
      env: add,
      stdin: v100,
      daemon: { kind: "sends", bytes: "hello\n" },
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 6, cniVersion: "1.0.0", says: ["answer"] },
    },
    {
      title: "an ADD that succeeds without a result is code 6",
      env: add,
      stdin: v100,
      daemon: done,
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 6, cniVersion: "1.0.0", says: ["answer"] },
    },
    {
      title: "a daemon of another wire version is code 1",
      env: add,
      stdin: v100,
      daemon: { kind: "sends", bytes: '{"wire":2,"ok":true}\n' },
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 1, cniVersion: "1.0.0", says: ["wire version 2"] },
    },
    {
      title: "a CHECK that the daemon drops is code 11",
      env: check,
      stdin: { ...v110, prevResult: result },
      daemon: { kind: "closes" },
      request: { ...attachment, command: "CHECK", cniVersion: "1.1.0", prevResult: result },
      expected: { code: 11, cniVersion: "1.1.0", says: ["went away"] },
    },
    {
      title: "a GC without a daemon is code 11",
      env: gc,
      stdin: { ...v110, "cni.dev/valid-attachments": [] },
      daemon: { kind: "away" },
      expected: { code: 11, cniVersion: "1.1.0", says: ["nothing listens", "cni.sock"] },
    },
    {
      title: "an ADD without a daemon is code 11 once its patience is over",
      env: add,
      stdin: v100,
      daemon: { kind: "away" },
      expected: { code: 11, cniVersion: "1.0.0", says: ["nothing listens", "cni.sock"] },
    },
    {
      title: "a DEL without a daemon succeeds and is on record",
      env: del,
      stdin: v100,
      daemon: { kind: "away" },
      spooled: true,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0" },
      expected: { stdout: "" },
    },
    {
      title: "a DEL that the daemon drops succeeds and is on record",
      env: del,
      stdin: v100,
      daemon: { kind: "closes" },
      spooled: true,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0" },
      expected: { stdout: "" },
    },
    {
      title: "STATUS without a daemon succeeds while its last sign of life is 50 s old",
      env: status,
      stdin: v110,
      daemon: { kind: "away", servedMsAgo: 50_000 },
      expected: { stdout: "" },
    },
    {
      title: "STATUS without a daemon is code 50 once its last sign of life is 61 s old",
      env: status,
      stdin: v110,
      daemon: { kind: "away", servedMsAgo: 61_000 },
      expected: { code: 50, cniVersion: "1.1.0", says: ["nothing listens"] },
    },
    {
      title: "STATUS without a daemon does not trust a sign of life from the future",
      env: status,
      stdin: v110,
      daemon: { kind: "away", servedMsAgo: -61_000 },
      expected: { code: 50, cniVersion: "1.1.0", says: ["nothing listens"] },
    },
    {
      title: "STATUS without a daemon that ever served is code 50",
      env: status,
      stdin: v110,
      daemon: { kind: "away" },
      expected: { code: 50, cniVersion: "1.1.0", says: ["nothing listens"] },
    },
    // A wrong environment is code 4 and names the variables.
    ...["ADD", "CHECK"].map(
      (command): CallVector => ({
        title: `${command} with nothing set names everything it needs`,
        env: { CNI_COMMAND: command },
        stdin: v100,
        expected: { code: 4, cniVersion: "1.0.0", says: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] },
      }),
    ),
    {
      title: "DEL with nothing set names everything it needs",
      env: { CNI_COMMAND: "DEL" },
      stdin: v110,
      expected: { code: 4, cniVersion: "1.1.0", says: ["CNI_CONTAINERID", "CNI_IFNAME"] },
    },
    {
      title: "GC needs CNI_PATH",
      env: { CNI_COMMAND: "GC" },
      stdin: { ...v110, "cni.dev/valid-attachments": [] },
      expected: { code: 4, cniVersion: "1.1.0", says: ["CNI_PATH"] },
    },
    {
      title: "missing and wrong variables are named together",
      env: {
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: "../c1",
        CNI_IFNAME: "a/b",
        CNI_NETNS: "relative",
        CNI_ARGS: "x",
      },
      stdin: v100,
      expected: {
        code: 4,
        cniVersion: "1.0.0",
        says: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"],
      },
    },
    {
      title: "an unknown command is code 4",
      env: { ...variables, CNI_COMMAND: "add" },
      stdin: v100,
      expected: { code: 4, cniVersion: "1.0.0", says: ['CNI_COMMAND "add"'] },
    },
    ...["a b", "a/b", "a:b", "a%d", ".", "..", "eth\u00e9", "tab\t"].map(
      (ifname): CallVector => ({
        title: `the interface name ${JSON.stringify(ifname)} is refused`,
        env: { ...add, CNI_IFNAME: ifname },
        stdin: v100,
        expected: { code: 4, cniVersion: "1.0.0", says: ["CNI_IFNAME"] },
      }),
    ),
    {
      title: "an interface name of 15 bytes is taken",
      env: { ...del, CNI_IFNAME: "interface-name-" },
      stdin: v100,
      daemon: done,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0", ifname: "interface-name-" },
      expected: { stdout: "" },
    },
    {
      title: "an interface name of 16 bytes is refused",
      env: { ...add, CNI_IFNAME: "interface-name-1" },
      stdin: v100,
      expected: { code: 4, cniVersion: "1.0.0", says: ["CNI_IFNAME", "16 bytes"] },
    },
    ...["-c1", ".c1", "c 1", "c/1", "c:1", "ç"].map(
      (id): CallVector => ({
        title: `the container id ${JSON.stringify(id)} is refused`,
        env: { ...del, CNI_CONTAINERID: id },
        stdin: v100,
        expected: { code: 4, cniVersion: "1.0.0", says: ["CNI_CONTAINERID"] },
      }),
    ),
    ...Object.entries(places).map(
      ([what, path]): CallVector => ({
        title: `ADD refuses a netns that is ${what}`,
        env: { ...add, CNI_NETNS: path },
        stdin: v100,
        expected: { code: 4, cniVersion: "1.0.0", says: ["CNI_NETNS", path] },
      }),
    ),
    {
      title: "CHECK refuses its own netns",
      env: { ...check, CNI_NETNS: places.own },
      stdin: { ...v100, prevResult: result },
      expected: { code: 4, cniVersion: "1.0.0", says: ["CNI_NETNS", "own"] },
    },
    // A wrong configuration.
    ...["", "{", "[]", "null", '"x"', "\u0000", '{"cniVersion":"1.0.0"'].map(
      (stdin): CallVector => ({
        title: `stdin ${JSON.stringify(stdin)} is code 6`,
        env: add,
        stdin,
        expected: { code: 6, cniVersion: "1.1.0", says: ["stdin"] },
      }),
    ),
    ...[undefined, "0.4.0", "9.9.9", 1, ""].map(
      (cniVersion): CallVector => ({
        title: `cniVersion ${JSON.stringify(cniVersion)} is code 1`,
        env: add,
        stdin: JSON.stringify({ ...v100, cniVersion }),
        expected: { code: 1, cniVersion: "1.1.0", says: ["cniVersion"] },
      }),
    ),
    {
      title: "STATUS does not exist in 1.0.0",
      env: status,
      stdin: v100,
      expected: { code: 1, cniVersion: "1.0.0", says: ["STATUS"] },
    },
    {
      title: "GC does not exist in 1.0.0",
      env: gc,
      stdin: { ...v100, "cni.dev/valid-attachments": [] },
      expected: { code: 1, cniVersion: "1.0.0", says: ["GC"] },
    },
    {
      title: "a wrong name and a wrong socketPath are named together",
      env: add,
      stdin: JSON.stringify({ ...v100, name: "-x", socketPath: "cni.sock" }),
      expected: { code: 7, cniVersion: "1.0.0", says: ['name "-x"', 'socketPath "cni.sock"'] },
    },
    {
      title: "a socketPath of 108 bytes is refused",
      env: add,
      stdin: JSON.stringify({ ...v100, socketPath: `/${"s".repeat(107)}` }),
      expected: { code: 7, cniVersion: "1.0.0", says: ["socketPath", "107"] },
    },
    {
      title: "CHECK needs the previous result",
      env: check,
      stdin: v100,
      expected: { code: 7, cniVersion: "1.0.0", says: ["prevResult"] },
    },
    {
      title: "ADD refuses a previous result that is none",
      env: add,
      stdin: { ...v100, prevResult: "x" },
      expected: { code: 7, cniVersion: "1.0.0", says: ["prevResult"] },
    },
    {
      title: "the daemon refuses a previous result of another shape with its path",
      env: check,
      stdin: { ...v100, prevResult: { ips: [{ address: 7 }] } },
      daemon: done,
      expected: { code: 7, cniVersion: "1.0.0", says: ["prevResult.ips.0.address", "7", "string"] },
    },
    ...[undefined, null, {}, "[]"].map(
      (list): CallVector => ({
        title: `GC refuses ${JSON.stringify(list)} as the list of attachments`,
        env: gc,
        stdin: { ...v110, "cni.dev/valid-attachments": list },
        expected: { code: 7, cniVersion: "1.1.0", says: ["cni.dev/valid-attachments"] },
      }),
    ),
    {
      title: "GC refuses an attachment without an interface",
      env: gc,
      stdin: {
        ...v110,
        "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }, { containerID: "c2" }],
      },
      expected: { code: 7, cniVersion: "1.1.0", says: ["cni.dev/valid-attachments[1]"] },
    },
    {
      title: "VERSION with a malformed stdin is code 6",
      env: version,
      stdin: "{",
      expected: { code: 6, cniVersion: "1.1.0", says: ["stdin"] },
    },
  ];
}
