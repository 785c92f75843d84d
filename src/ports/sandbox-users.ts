/** Whether anything lives in a sandbox whose pod nobody knows any more. */
export interface SandboxUsers {
  /**
   * "some": a process belongs to the sandbox or its pod; "none": none does; "unknown": the node's processes cannot be seen
   * from here, so nothing may be concluded.
   */
  find(sandbox: {
    readonly containerId: string;
    readonly podUid: string;
  }): Promise<"some" | "none" | "unknown">;
}
