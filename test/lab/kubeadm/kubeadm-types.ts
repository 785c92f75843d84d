/** What a lab needs whose nodes become a cluster by kubeadm; absolute paths. */
export type KubeadmTools = {
  /** What packages have put into a node's /usr: a folder that lies over this machine's. */
  readonly packages: string;
  /** The images that kubeadm asks for, HeadCNI's and that of the pods, as containerd keeps them. */
  readonly imageStore: string;
  /** HeadCNI's image as the archive that an operator copies to the machines. */
  readonly headcniArchive: string;
  /** The sandbox container of a pod, as this kubeadm names it. */
  readonly pauseImage: string;
};
