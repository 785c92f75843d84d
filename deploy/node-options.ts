/**
 * Options of Node that the daemon is started with, wherever it is started: a process cannot set them for itself.
 * An attachment outlives some collections of the nursery and dies old. Left to itself V8 lets such garbage grow to three times
 * what lives before it looks at it: after 700 ADDs and DELs the daemon then holds 165 to 190 MB instead of 135. Optimizing for
 * size makes it look sooner (a factor of 1.3) for about a tenth more CPU per call, and keeps the nursery from growing to
 * 3 x 16 MiB under load.
 */
export const nodeOptions: readonly string[] = ["--optimize-for-size", "--max-semi-space-size=4"];

/**
 * Where Node keeps what it compiled of the daemon (NODE_COMPILE_CACHE), below the runtime directory: the next start compiles less
 * and holds 10 MB less. Written when the daemon ends in good order; a folder that cannot be written is as good as none.
 */
export const compileCache = "compile-cache";
