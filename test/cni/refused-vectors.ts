import type { CallVector } from "./call-vector.ts";
import { places, v100, v110, vectorParts } from "./vector-parts.ts";

/** Calls that are wrong: the environment is code 4 and names the variables, the configuration is 1, 6 or 7. */
export function refusedVectors(netns: string): readonly CallVector[] {
  const { result, done, variables, add, del, check, gc, status, version, attachment } = vectorParts(netns);
  return [
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
