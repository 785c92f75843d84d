import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../../lab-types.ts";
import { run } from "../../run-command.ts";
import { type Cluster, clusterOf } from "../cluster.ts";

/** Who a certificate is for: the subject is the user (CN) and the groups (O) that Kubernetes reads from it. */
type Subject = {
  readonly file: string;
  readonly user: string;
  readonly group?: string;
  /** Names and addresses of a server: `DNS:kubernetes`, `IP:10.96.0.1`. */
  readonly names?: readonly string[];
};

/** A certificate and its key as files. */
export type Certificate = { readonly certificate: string; readonly key: string };

/** The user that HeadCNI's daemons are to the API server (`daemon-role.ts`). */
export const daemonUser = "headcni";

const oneKind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"] as const;

/** The files of a certificate by its name: `authority`, `api-server`, `admin`, ..., `kubelet-NODE`. */
export function certificateOf(cluster: Cluster, file: string): Certificate {
  return {
    certificate: join(cluster.certificates, `${file}.crt`),
    key: join(cluster.certificates, `${file}.key`),
  };
}

/** The key pair that signs and checks the tokens of service accounts. */
export function serviceAccountKey(cluster: Cluster): string {
  return join(cluster.certificates, "service-account.key");
}

/** Makes the cluster's certificate authority and, signed by it, a certificate for each of its parts. */
export async function makeCertificates(lab: Lab): Promise<void> {
  const cluster = clusterOf(lab);
  await mkdir(cluster.certificates, { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(serviceAccountKey(cluster), privateKey.export({ type: "sec1", format: "pem" }), {
    mode: 0o600,
  });
  const { certificate, key } = certificateOf(cluster, "authority");
  await run(["openssl", "req", "-x509", ...oneKind, "-subj", "/CN=lab", "-out", certificate, "-keyout", key]);
  await Promise.all(subjects(lab, cluster).map((subject) => issue(cluster, subject)));
}

/** Makes the certificate of a kubelet, by which it is the node of that name. */
export async function makeKubeletCertificate(lab: Lab, node: LabNode): Promise<void> {
  await issue(clusterOf(lab), kubeletSubject(node));
}

/** Makes the certificate of a server in the cluster, by the names that its clients ask for. */
export async function makeServerCertificate(lab: Lab, file: string, names: readonly string[]): Promise<void> {
  await issue(clusterOf(lab), { file, user: file, names: names.map((name) => `DNS:${name}`) });
}

function kubeletSubject({ name, address, address6 }: LabNode): Subject {
  return {
    file: `kubelet-${name}`,
    user: `system:node:${name}`,
    group: "system:nodes",
    names: [`DNS:${name}`, `IP:${address}`, ...(address6 === undefined ? [] : [`IP:${address6}`])],
  };
}

function subjects(lab: Lab, cluster: Cluster): readonly Subject[] {
  const apiNames = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(
    (name) => `DNS:${name}`,
  );
  return [
    {
      file: "api-server",
      user: "kube-apiserver",
      names: [
        ...apiNames,
        `DNS:kubernetes.default.svc.${cluster.dnsDomain}`,
        "IP:10.96.0.1",
        "IP:127.0.0.1",
        `IP:${cluster.apiAddress}`,
      ],
    },
    // The API server as a client of kubelets, and the administrator.
    { file: "api-server-client", user: "kube-apiserver-kubelet-client", group: "system:masters" },
    { file: "admin", user: "admin", group: "system:masters" },
    { file: "controller-manager", user: "system:kube-controller-manager" },
    { file: "scheduler", user: "system:kube-scheduler" },
    { file: "proxy", user: "system:kube-proxy" },
    { file: "headcni", user: daemonUser },
    ...lab.nodes.map(kubeletSubject),
  ];
}

async function issue(cluster: Cluster, subject: Subject): Promise<void> {
  const authority = certificateOf(cluster, "authority");
  const { certificate, key } = certificateOf(cluster, subject.file);
  const group = subject.group === undefined ? "" : `/O=${subject.group}`;
  const names = subject.names === undefined ? [] : ["-addext", `subjectAltName=${subject.names.join(",")}`];
  await run([
    "openssl",
    "req",
    "-x509",
    ...oneKind,
    ...["-CA", authority.certificate, "-CAkey", authority.key],
    ...["-subj", `${group}/CN=${subject.user}`],
    ...names,
    ...["-addext", "basicConstraints=CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth"],
    ...["-out", certificate, "-keyout", key],
  ]);
}
