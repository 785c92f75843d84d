/** What the flight recorders of a node's programs are called in an archive. */
export const recordingFiles = { daemon: "recording.json", wire: "recording-wire.json" } as const;
