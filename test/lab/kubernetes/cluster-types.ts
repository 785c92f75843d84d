/** What a lab's Kubernetes cluster is made of. */
export type ClusterOptions = {
  /** How kube-proxy makes Services: the default of new clusters, or the one that most clusters still run. */
  readonly proxyMode: "nftables" | "iptables";
  /**
   * `chart`: HeadCNI's image, installed by its Helm chart as an operator does it. `headcni`: a daemon as a process beside
   * each kubelet, out of reach of kubelet. `reference`: the reference plugins with a route per node on the plain
   * underlay, what a cluster does without us. `none`: Headscale is there and nodes wait for somebody to install a CNI.
   */
  readonly network: "chart" | "headcni" | "reference" | "none";
  /** With the network `chart`: everything is ready for `installChart`, which the caller runs. */
  readonly installLater?: boolean;
  /**
   * With the network `headcni`: the API server and the Nodes alone, without kubelets, controllers, kube-proxy and DNS. Whoever makes a pod makes its
   * object (`BarePods`) and calls the plugin.
   */
  readonly apiOnly?: boolean;
  /**
   * `tailnet`, with the network `chart`: kubelets leave their Nodes' addresses to HeadCNI, and the API server checks by its authority who
   * answers there. Kubelets ask it for certificates with these addresses, which the caller approves (`approveServing`).
   */
  readonly nodeAddress?: "tailnet";
};

/** What an operator has who installs HeadCNI. */
export type InstallTools = {
  /** Helm's program. */
  readonly helm: string;
  readonly image: { readonly name: string; readonly archive: string };
};

/** The programs of a cluster, as absolute paths. */
export type ClusterTools = {
  readonly etcd: string;
  /** Folder with kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet and kubectl. */
  readonly kubernetes: string;
  /** Folder with containerd, its shim and ctr. */
  readonly containerd: string;
  /** The first process of a node and of each pod. */
  readonly init: string;
  /** An archive with the images of `lab-images.ts`. */
  readonly images: string;
  /** Those images and HeadCNI's, as containerd keeps them (`image-store.ts`). */
  readonly imageStore: string;
  /** With the networks `chart` and `none`. */
  readonly install?: InstallTools | undefined;
};
