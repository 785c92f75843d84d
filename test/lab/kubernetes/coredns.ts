import type { Cluster } from "./cluster.ts";
import { imageNames } from "./images/lab-images.ts";

const namespace = "kube-system";
const name = "coredns";
const labels = { "k8s-app": "kube-dns" };

/** The objects that make the cluster's DNS: a Deployment of CoreDNS behind the Service whose address every pod gets. */
export function corednsObjects(cluster: Cluster, replicas: number): readonly unknown[] {
  return [...access(), configMap(cluster), deployment(replicas), service(cluster)];
}

/** What CoreDNS reads of the cluster (its `kubernetes` plugin's README, "Permissions"). */
function access(): readonly unknown[] {
  const rbac = "rbac.authorization.k8s.io";
  const look = ["list", "watch"];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name: "system:coredns" },
      rules: [
        { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: look },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: look },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns" },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "system:coredns" },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ];
}

function configMap(cluster: Cluster): unknown {
  const corefile = `.:53 {
    errors
    health
    ready
    kubernetes ${cluster.dnsDomain} in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    forward . /etc/resolv.conf
    cache 5
    loadbalance
    reload
}
`;
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { Corefile: corefile } };
}

function deployment(replicas: number): unknown {
  const probe = (path: string, port: number) => ({ httpGet: { path, port }, periodSeconds: 1 });
  const container = {
    name,
    image: imageNames.coredns,
    imagePullPolicy: "Never",
    args: ["-conf", "/etc/coredns/Corefile"],
    readinessProbe: probe("/ready", 8181),
    livenessProbe: { ...probe("/health", 8080), periodSeconds: 10 },
    volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          dnsPolicy: "Default",
          priorityClassName: "system-cluster-critical",
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "DoNotSchedule",
              labelSelector: { matchLabels: labels },
            },
          ],
          containers: [container],
          volumes: [{ name: "config", configMap: { name } }],
        },
      },
    },
  };
}

function service(cluster: Cluster): unknown {
  const port = (protocol: string) => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol });
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace, labels },
    spec: { clusterIP: cluster.dnsAddress, selector: labels, ports: [port("UDP"), port("TCP")] },
  };
}
