import type { CallVector } from "./call-vector.ts";
import { noPod, places, v100, v110, vectorParts } from "./vector-parts.ts";

/** What each command does when all is well. */
export function commandVectors(netns: string): readonly CallVector[] {
  const {
    result,
    added,
    done,
    variables,
    add,
    del,
    check,
    gc,
    status,
    version,
    versions,
    attachment,
    node,
    noMtu,
  } = vectorParts(netns);
  return [
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
  ];
}
