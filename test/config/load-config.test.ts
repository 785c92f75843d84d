import { hostname } from "node:os";
import { afterAll, describe, expect, test } from "vitest";
import { explainProblem } from "../../src/config/config-error.ts";
import { loadSourcedConfig } from "../../src/config/load-config.ts";
import { openConfigDirectory } from "./config-fixture.ts";

const directory = openConfigDirectory();
afterAll(() => directory[Symbol.dispose]());

const { load, problems, minimal } = directory;
const head = `headscale: { url: "http://10.99.0.1:8080", authKeyFile: ${directory.authKeyFile} }\n`;

describe("a valid configuration", () => {
  test("needs only Headscale's URL, an auth key and the two pod prefixes", () => {
    const config = load(minimal());
    expect(config.nodeName).toBe(hostname().toLowerCase());
    expect(config.runtimeDir).toBe("/run/headcni");
    expect(config.stateDir).toBe("/var/lib/headcni");
    expect(config.tailscale).toEqual({
      mode: "daemon",
      socket: "/var/run/tailscale/tailscaled.sock",
      bootUnit: true,
      binary: "tailscaled",
      interfaceName: "tailscale0",
      port: 41642,
      linkCIDR: ["198.18.0.0/30", "fd48:4541:4443::/126"],
      tags: ["tag:k8s-node"],
      hostnamePrefix: "",
      staticEndpoints: [],
      environment: {},
    });
    expect(config.network).toEqual({
      podCIDR: ["10.244.0.0/16"],
      nodePodCIDR: ["10.244.1.0/24"],
      serviceCIDR: ["10.96.0.0/12"],
      mtu: 1280,
      masquerade: true,
      allowFromUnderlay: [],
    });
    expect(config.ipam).toEqual({ strategy: "sequential", restSeconds: 30 });
    expect(config.cni.confName).toBe("10-headcni.conflist");
    expect(config.monitoring).toEqual({
      address: "127.0.0.1",
      port: 9797,
      podNetwork: false,
      podNameLabel: false,
      inspector: false,
    });
    expect(config.logging).toEqual({ level: "info" });
  });

  test("takes a link of IPv4 alone, as earlier releases had it", () => {
    expect(load(minimal("tailscale: { linkCIDR: 198.18.9.0/30 }")).tailscale.linkCIDR).toEqual([
      "198.18.9.0/30",
    ]);
    expect(
      load(minimal('tailscale: { linkCIDR: [198.18.9.0/29, "fdc1::/126"] }')).tailscale.linkCIDR,
    ).toEqual(["198.18.9.0/29", "fdc1::/126"]);
  });

  test("takes pods on the default link where the node's own tailscaled carries them: there is none", () => {
    const network = "network: { podCIDR: 198.18.0.0/16, nodePodCIDR: 198.18.1.0/24 }";
    expect(load(`${head}${network}\ntailscale: { mode: host }`).network.podCIDR).toEqual(["198.18.0.0/16"]);
  });

  test("takes prefixes of both families, in canonical form", () => {
    const config = load(
      `${head}network: { podCIDR: [10.244.0.0/16, "FD00:10:244::/56"], nodePodCIDR: [10.244.1.0/24, "fd00:10:244:1:0::/64"] }`,
    );
    expect(config.network.podCIDR).toEqual(["10.244.0.0/16", "fd00:10:244::/56"]);
    expect(config.network.nodePodCIDR).toEqual(["10.244.1.0/24", "fd00:10:244:1::/64"]);
  });

  test.each([
    [`[192.0.2.0/24, docker0, "2001:DB8::/32", br-a1.7, docker0]`],
    ["192.0.2.0/24, docker0, 2001:db8::/32, br-a1.7"],
  ])("names who may come in from the underlay: %s", (senders) => {
    const network = "network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24";
    const config = senders.startsWith("[")
      ? load(`${head}${network}, allowFromUnderlay: ${senders} }`)
      : load(`${head}${network} }`, { environment: { HEADCNI_NETWORK_ALLOW_FROM_UNDERLAY: senders } });
    expect(config.network.allowFromUnderlay).toEqual(["192.0.2.0/24", "docker0", "2001:db8::/32", "br-a1.7"]);
    expect(load(`${head}${network}, allowFromUnderlay: wg0 }`).network.allowFromUnderlay).toEqual(["wg0"]);
  });

  test.each(["tailscale: { launcher: daemon }", "tailscale: { launcher: wire }", "tailscale: { launcher: }"])(
    "may still have what an earlier release knew, %s: it is ignored, and said",
    (line) => {
      const { config, retired } = loadSourcedConfig({
        file: directory.write("retired.yaml", minimal(line)),
        environment: { HEADCNI_TAILSCALE_LAUNCHER: "daemon" },
        flags: ["tailscale.launcher=wire"],
      });
      expect(config.tailscale).toEqual(load(minimal()).tailscale);
      expect(retired.map(explainProblem)).toEqual(
        [
          "tailscale.launcher (retired.yaml:3:14)",
          "HEADCNI_TAILSCALE_LAUNCHER (environment)",
          "tailscale.launcher (--set tailscale.launcher)",
        ].map(
          (where) =>
            `${where}: found a key of an earlier release; it may be removed: headcni-wire always runs tailscaled`,
        ),
      );
    },
  );

  test("may leave sections and values empty", () => {
    expect(load(minimal("logging:", "ipam: { strategy: }")).ipam.strategy).toBe("sequential");
  });

  test("takes environment over file and flags over environment", () => {
    const content = minimal("ipam: { strategy: dense, restSeconds: 1 }", "logging: { level: warn }");
    const config = load(content, {
      environment: {
        HEADCNI_IPAM_STRATEGY: "random",
        HEADCNI_IPAM_REST_SECONDS: "2",
        HEADCNI_LOGGING_LEVEL: "",
      },
      flags: ["ipam.restSeconds=3", "ipam.restSeconds=4"],
    });
    expect(config.ipam).toEqual({ strategy: "random", restSeconds: 4 });
    expect(config.logging.level).toBe("warn");
  });

  test("can come from the environment alone", () => {
    const config = load("", {
      environment: {
        HEADCNI_HEADSCALE_URL: "https://headscale.example.org/",
        HEADCNI_HEADSCALE_AUTH_KEY: "key-1",
        HEADCNI_NETWORK_POD_CIDR: "10.244.0.0/16,fd00::/48",
        HEADCNI_NETWORK_NODE_POD_CIDR: "10.244.1.0/24, fd00::/64",
        HEADCNI_NETWORK_MASQUERADE: "false",
        HEADCNI_TAILSCALE_TAGS: "tag:a,tag:b",
        HEADCNI_TAILSCALE_ENVIRONMENT: '{ TS_DEBUG_USE_DERP_HTTP: "1" }',
        HEADCNI_CNI_PLUGINS: '[{"type":"portmap"}]',
        HEADCNI_NODE_NAME: "17",
      },
    });
    expect(config.headscale.url).toBe("https://headscale.example.org");
    expect(config.headscale.authKey?.reveal()).toBe("key-1");
    expect(config.network.podCIDR).toEqual(["10.244.0.0/16", "fd00::/48"]);
    expect(config.network.masquerade).toBe(false);
    expect(config.tailscale.tags).toEqual(["tag:a", "tag:b"]);
    expect(config.tailscale.environment).toEqual({ TS_DEBUG_USE_DERP_HTTP: "1" });
    expect(config.cni.plugins).toEqual([{ type: "portmap" }]);
    expect(config.nodeName).toBe("17");
  });

  test("is not disturbed by the variables Kubernetes sets for Services named headcni*", () => {
    const environment = {
      HEADCNI_SERVICE_HOST: "10.96.0.9",
      HEADCNI_SERVICE_PORT_METRICS: "9797",
      HEADCNI_PORT: "tcp://10.96.0.9:9797",
      HEADCNI_PORT_9797_TCP_ADDR: "10.96.0.9",
      HEADCNI_TAILSCALE_PORT: "tcp://10.96.0.9:9797",
    };
    expect(load(minimal(), { environment }).tailscale.port).toBe(41642);
  });
});

/** [title, file, what the problems must be as [path, source, found, part of wanted]] */
const refused: readonly (readonly [
  string,
  string,
  readonly (readonly [string, string, string, string])[],
])[] = [
  [
    "an unknown key, naming the one that was meant",
    minimal("loging: { level: info }", "ipam: { restSecond: 3 }", "mtu: 1280"),
    [
      ["loging", "config.yaml:3:1", "an unknown key", "perhaps logging was meant"],
      ["ipam.restSecond", "config.yaml:4:9", "an unknown key", "perhaps ipam.restSeconds was meant"],
      ["mtu", "config.yaml:5:1", "an unknown key", "perhaps network.mtu was meant"],
    ],
  ],
  [
    "an unknown key like no other, listing what could stand there",
    minimal("logging: { zzzzzzzzzzzz: 1 }"),
    [["logging.zzzzzzzzzzzz", "config.yaml:3:12", "an unknown key", "known here: logging.level"]],
  ],
  [
    "wrong types, each with its place",
    minimal(
      "ipam: { restSeconds: soon }",
      "tailscale: { port: 70000, tags: [a, tag:b, 3] }",
      "logging: loud",
    ),
    [
      ["logging", "config.yaml:5:10", "another kind of value", "must be a map of the keys of logging"],
      ["tailscale.port", "config.yaml:4:14", "70000", "a whole number from 1 to 65535"],
      ["tailscale.tags[0]", "config.yaml:4:27", '"a"', "tag:k8s-node"],
      ["tailscale.tags[2]", "config.yaml:4:27", "3", "tag:k8s-node"],
      ["ipam.restSeconds", "config.yaml:3:9", '"soon"', "a whole number from 0 to 86400"],
    ],
  ],
  [
    "a file that lacks what is required",
    "nodeName: n1",
    [
      ["headscale.url", "default", "nothing", "an http:// or https:// URL"],
      ["network.podCIDR", "default", "nothing", "a prefix such as 10.244.0.0/16"],
      ["network.nodePodCIDR", "default", "nothing", "a prefix such as 10.244.0.0/16"],
      ["headscale.authKeyFile", "default", "nothing", "a file with a pre-auth key"],
    ],
  ],
  [
    "host bits, with the prefix that was meant",
    `${head}network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.7/24 }`,
    [["network.nodePodCIDR", "config.yaml:2:36", '"10.244.1.7/24"', "must be 10.244.1.0/24"]],
  ],
  [
    "two prefixes of one family",
    `${head}network: { podCIDR: [10.244.0.0/16, 10.245.0.0/16], nodePodCIDR: 10.244.1.0/24 }`,
    [["network.podCIDR", "config.yaml:2:12", '["10.244.0.0/16","10.245.0.0/16"]', "one prefix per family"]],
  ],
  [
    "pods inside the Service range",
    `${head}network: { podCIDR: 10.100.0.0/16, nodePodCIDR: 10.100.1.0/24 }`,
    [
      [
        "network.podCIDR",
        "config.yaml:2:12",
        "10.100.0.0/16, which overlaps network.serviceCIDR 10.96.0.0/12",
        "",
      ],
    ],
  ],
  [
    "pods among Tailscale's own addresses",
    `${head}network: { podCIDR: 100.80.0.0/16, nodePodCIDR: 100.80.1.0/24 }`,
    [
      [
        "network.podCIDR",
        "config.yaml:2:12",
        "100.80.0.0/16, which overlaps 100.64.0.0/10 (Tailscale's addresses)",
        "",
      ],
    ],
  ],
  [
    "pods on the link to the tailnet namespace",
    `${head}network: { podCIDR: 198.18.0.0/16, nodePodCIDR: 198.18.1.0/24 }`,
    [
      [
        "network.podCIDR",
        "config.yaml:2:12",
        "198.18.0.0/16, which overlaps tailscale.linkCIDR 198.18.0.0/30",
        "",
      ],
    ],
  ],
  [
    "a node prefix outside of the supernet, or with room for nobody",
    `${head}network: { podCIDR: [10.244.0.0/16, "fd00::/48"], nodePodCIDR: [10.245.0.0/24, "fd00::/127"] }`,
    [
      ["network.nodePodCIDR", "config.yaml:2:51", "10.245.0.0/24", "inside network.podCIDR 10.244.0.0/16"],
      ["network.nodePodCIDR", "config.yaml:2:51", "fd00::/127", "/126 or larger"],
    ],
  ],
  [
    "a node prefix that lacks a family",
    `${head}network: { podCIDR: [10.244.0.0/16, "fd00::/48"], nodePodCIDR: 10.244.0.0/24 }`,
    [["network.nodePodCIDR", "config.yaml:2:51", "no IPv6 prefix", "fd00::/48"]],
  ],
  [
    "a node prefix without a pod address, a byte too long",
    `${head}network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.0.0/31 }`,
    [["network.nodePodCIDR", "config.yaml:2:36", "10.244.0.0/31", "/30 or larger"]],
  ],
  [
    "a link without room for two ends",
    minimal('tailscale: { linkCIDR: [198.18.0.0/31, "fdc1::/127"] }'),
    [
      ["tailscale.linkCIDR", "config.yaml:3:14", "198.18.0.0/31", "length 30 or less"],
      ["tailscale.linkCIDR", "config.yaml:3:14", "fdc1::/127", "126 or less"],
    ],
  ],
  [
    "a link of IPv6 alone",
    minimal('tailscale: { linkCIDR: "fdc1::/64" }'),
    [["tailscale.linkCIDR", "config.yaml:3:14", "fdc1::/64 alone", "an IPv4 prefix beside it"]],
  ],
  [
    "a link with an address that tailscaled would announce",
    minimal('tailscale: { linkCIDR: [198.18.0.0/30, "2001:db8::/64"] }'),
    [["tailscale.linkCIDR", "config.yaml:3:14", "2001:db8::/64", "inside fc00::/7"]],
  ],
  [
    "pods on the link's IPv6",
    `${head}network: { podCIDR: [10.244.0.0/16, "fd48::/16"], nodePodCIDR: [10.244.1.0/24, "fd48::/64"] }`,
    [
      [
        "network.podCIDR",
        "config.yaml:2:12",
        "fd48::/16, which overlaps tailscale.linkCIDR fd48:4541:4443::/126",
        "",
      ],
    ],
  ],
  [
    "Services on the link",
    `${head}network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24, serviceCIDR: 198.18.0.0/16 }`,
    [
      [
        "network.serviceCIDR",
        "config.yaml:2:64",
        "198.18.0.0/16, which overlaps tailscale.linkCIDR 198.18.0.0/30",
        "",
      ],
    ],
  ],
  [
    "senders on the underlay that are neither prefix nor link, or pods",
    `${head}network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24, allowFromUnderlay: [192.0.2.7, 192.0.2.7/24, "fd00::7", br-*, a-name-too-long-1, 10.0.0/8] }`,
    [
      ["network.allowFromUnderlay[0]", "config.yaml:2:64", '"192.0.2.7"', "must have a length: 192.0.2.7/32"],
      ["network.allowFromUnderlay[1]", "config.yaml:2:64", '"192.0.2.7/24"', "must be 192.0.2.0/24"],
      ["network.allowFromUnderlay[2]", "config.yaml:2:64", '"fd00::7"', "must have a length: fd00::7/128"],
      ["network.allowFromUnderlay[3]", "config.yaml:2:64", '"br-*"', "the name of a link (docker0)"],
      [
        "network.allowFromUnderlay[4]",
        "config.yaml:2:64",
        '"a-name-too-long-1"',
        "the name of a link (docker0)",
      ],
      ["network.allowFromUnderlay[5]", "config.yaml:2:64", '"10.0.0/8"', "must be a prefix such as"],
    ],
  ],
  [
    "pods as senders on the underlay",
    `${head}network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24, allowFromUnderlay: [10.0.0.0/8, 10.244.7.0/24] }`,
    [
      [
        "network.allowFromUnderlay",
        "config.yaml:2:64",
        "10.244.7.0/24, which lies inside network.podCIDR 10.244.0.0/16",
        "no other host sends as a pod",
      ],
    ],
  ],
  [
    "an MTU too small for IPv6",
    `${head}network: { podCIDR: "fd00::/48", nodePodCIDR: "fd00::/64", mtu: 1279 }`,
    [["network.mtu", "config.yaml:2:60", "1279", "at least 1280"]],
  ],
  [
    "an MTU of tailscaled that is not the pods'",
    minimal('tailscale: { environment: { TS_DEBUG_MTU: "1400" } }'),
    [["tailscale.environment", "config.yaml:3:14", 'TS_DEBUG_MTU "1400"', "network.mtu, here 1280, sets it"]],
  ],
  [
    "an MTU that no IP packet around it could have",
    `${head}network: { podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24, mtu: 65456 }`,
    [["network.mtu", "config.yaml:2:64", "65456", "from 576 to 65455"]],
  ],
  [
    "addresses for a Node without Kubernetes",
    minimal("kubernetes: { publishNodeAddress: true }"),
    [
      [
        "kubernetes.publishNodeAddress",
        "config.yaml:3:15",
        "true",
        "must be false without kubernetes.enabled",
      ],
    ],
  ],
  [
    "NetworkPolicies without Kubernetes",
    minimal("kubernetes: { networkPolicy: true }"),
    [["kubernetes.networkPolicy", "config.yaml:3:15", "true", "must be false without kubernetes.enabled"]],
  ],
  [
    "a socket of the node's tailscaled, which our own does not use",
    minimal("tailscale: { socket: /run/tailscaled.sock }"),
    [["tailscale.socket", "config.yaml:3:14", "a value", "left out with tailscale.mode: daemon"]],
  ],
  [
    "a runtime directory too long for its sockets",
    minimal(`runtimeDir: /${"r".repeat(91)}`),
    [["runtimeDir", "config.yaml:3:1", "a path of 92 bytes", "at most 91 bytes"]],
  ],
  [
    "a path that no socket can have",
    minimal(`tailscale: { mode: host, socket: /${"\u00e9".repeat(53)}s }`),
    [["tailscale.socket", "config.yaml:3:26", "a path of 108 bytes", "at most 107 bytes"]],
  ],
  [
    "folders of the whole system, which HeadCNI closes to other users",
    minimal("runtimeDir: /run\nstateDir: /var/lib"),
    [
      ["runtimeDir", "config.yaml:3:1", '"/run"', "folder of HeadCNI's own"],
      ["stateDir", "config.yaml:4:1", '"/var/lib"', "folder of HeadCNI's own"],
    ],
  ],
  [
    "broken YAML and duplicate keys, with their lines",
    minimal("ipam: { a: 1", "b"),
    [
      ["", "config.yaml:4:1", "bad YAML", "end with a }"],
      ["", "config.yaml:4:1", "bad YAML", "Implicit map keys"],
    ],
  ],
  [
    "a value that contains itself",
    minimal("tailscale: { tags: &a [*a] }"),
    [["tailscale.tags", "config.yaml:3:14", "bad YAML", "must not contain itself"]],
  ],
  ["two documents in one file", `${minimal()}\n---\nnodeName: x`, [["", "config.yaml:3:1", "bad YAML", ""]]],
  [
    "a list in place of the file's map",
    "- a",
    [["", "config.yaml:1:1", "another kind of value", "a map of sections"]],
  ],
];

describe("refused with its place, what was found and what would be right:", () => {
  test.each(refused)("%s", (_title, content, expected) => {
    const found = problems(content);
    const told = expected.map(([path, source, value, wanted]) => ({
      ...{ path, source, found: value },
      wanted: expect.stringContaining(wanted),
    }));
    expect(found).toEqual(told);
  });

  test.each([
    ["http://localhost:8080", "loopback"],
    ["http://headscale.localhost", "loopback"],
    ["http://127.8.8.8:8080", "loopback"],
    ["http://[::1]:8080", "loopback"],
    ["http://[::ffff:127.0.0.1]", "loopback"],
    ["http://0.0.0.0:8080", "loopback"],
    ["http://headscale.example.org/api", "no path, query or fragment: http://headscale.example.org"],
    ["http://user:pw@headscale.example.org", "user or password"],
    ["ftp://headscale.example.org", "http:// or https://"],
    ["headscale.example.org:8080", "http:// or https://"],
    ["nonsense", "a URL such as"],
  ])("headscale.url %s", (url, wanted) => {
    expect(problems(minimal(), { flags: [`headscale.url=${url}`] })).toEqual([
      expect.objectContaining({
        path: "headscale.url",
        source: "--set headscale.url",
        wanted: expect.stringContaining(wanted),
      }),
    ]);
  });

  test("a file that cannot be read", () => {
    expect(problems("", { file: `${directory.path}/absent.yaml` })[0]).toEqual({
      path: "",
      source: `${directory.path}/absent.yaml`,
      found: "ENOENT",
      wanted: "must be a readable YAML file",
    });
    expect(problems("", { file: directory.path })[0]?.found).toBe("no regular file");
  });

  test("unknown variables and flags, naming the one that was meant", () => {
    const found = problems(minimal(), {
      environment: { HEADCNI_NETWORK_MTUU: "1" },
      flags: ["network.mut=1", "network.mtu", "ipam.strategy=chaotic"],
    });
    expect(found).toEqual([
      expect.objectContaining({
        path: "HEADCNI_NETWORK_MTUU",
        wanted: "perhaps HEADCNI_NETWORK_MTU was meant",
      }),
      expect.objectContaining({
        path: "network.mut",
        source: "--set network.mut",
        wanted: "perhaps network.mtu was meant",
      }),
      expect.objectContaining({ source: "--set", found: '"network.mtu"', wanted: "must be path=value" }),
      expect.objectContaining({ path: "ipam.strategy", source: "--set ipam.strategy", found: '"chaotic"' }),
    ]);
  });
});
