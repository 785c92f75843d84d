/*
 * Runs the stub's bytecode in a context with no more of JavaScript than it uses, plus the global `system`. The build
 * loads the script once and keeps the heap (build.ts): a call starts with the script's function `main`.
 * Pointers in the kept heap hold because the ELF has a fixed address and the heap points at nothing that changes.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "heap.h"
#include "system.h"

/* linux/mman.h, since Linux 5.14. */
#define MADV_POPULATE_WRITE 23

/* Written by qjsc from headcni.ts. */
extern const uint32_t headcni_script_size;
extern const uint8_t headcni_script[];

static const JSCFunctionListEntry functions[] = {
  JS_CFUNC_DEF("readAll", 2, system_read_all),
  JS_CFUNC_DEF("exchange", 4, system_exchange),
  JS_CFUNC_DEF("env", 1, system_env),
  JS_CFUNC_DEF("netnsKind", 1, system_netns_kind),
  JS_CFUNC_DEF("modifiedAtMs", 1, system_modified_at_ms),
  JS_CFUNC_DEF("makeDirectory", 1, system_make_directory),
  JS_CFUNC_DEF("createFile", 2, system_create_file),
  JS_CFUNC_DEF("rename", 2, system_rename),
  JS_CFUNC_DEF("remove", 1, system_remove),
  JS_CFUNC_DEF("nowMs", 0, system_now_ms),
  JS_CFUNC_DEF("wallClockMs", 0, system_wall_clock_ms),
  JS_CFUNC_DEF("sleep", 1, system_sleep),
  JS_CFUNC_DEF("processId", 0, system_process_id),
  JS_CFUNC_DEF("describe", 1, system_describe),
  JS_CFUNC_DEF("finish", 3, system_finish),
};

/* In libc's place: QuickJS takes the seed of Math.random() from it, which would make each build's snapshot another one. */
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
  (void)zone;
  *now = (struct timeval){0};
  return 0;
}

/* Loads the script into the heap; leaves heap.context NULL when it fails. */
static void load_script(void)
{
  JSRuntime *runtime = JS_NewRuntime2(&heap_functions, NULL);
  JSContext *ctx = runtime ? JS_NewContextRaw(runtime) : NULL;
  if (!ctx)
    return;
  JS_AddIntrinsicBaseObjects(ctx);
  JS_AddIntrinsicRegExp(ctx);
  JS_AddIntrinsicJSON(ctx);
  JSValue global = JS_GetGlobalObject(ctx);
  JSValue system = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, system, functions, sizeof functions / sizeof functions[0]);
  JS_SetPropertyStr(ctx, global, "system", system);
  JSValue script = JS_ReadObject(ctx, headcni_script, headcni_script_size, JS_READ_OBJ_BYTECODE);
  if (JS_IsException(script) || JS_IsException(JS_EvalFunction(ctx, script)))
    return;
  heap.main = JS_GetPropertyStr(ctx, system, "main");
  if (JS_IsFunction(ctx, heap.main))
    heap.context = ctx;
}

/* The runtime keeps where the stack begins and, 1 MiB away, ends: other addresses in each build. A call sets them again. */
static void forget_stack(void)
{
  const uintptr_t reach = 8 * 1024 * 1024;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  for (size_t word = 0; word < heap.used_words; word++)
    if (heap.words[word] - (here - reach) < 2 * reach)
      heap.words[word] = 0;
}

/* The first run, at build time: the heap with the loaded script goes to stdout, to become the section's content. */
static int write_snapshot(void)
{
  load_script();
  forget_stack();
  return !heap.context || write(STDOUT_FILENO, &heap, sizeof heap) != sizeof heap;
}

int main(void)
{
  if (!heap.context)
    return write_snapshot();
  /* A call writes to nearly all of it: one system call instead of 50 page faults. An older kernel refuses it. */
  madvise(&heap, sizeof heap, MADV_POPULATE_WRITE);
  JS_UpdateStackTop(JS_GetRuntime(heap.context));
  JS_Call(heap.context, heap.main, JS_UNDEFINED, 0, NULL);
  /* The script ends the process itself; only exhaustion of memory leads here. */
  static const char answer[] =
    "{\"cniVersion\":\"1.1.0\",\"code\":11,\"msg\":\"the plugin could not run\","
    "\"details\":\"The node is short of memory.\"}\n";
  (void)!write(STDOUT_FILENO, answer, strlen(answer));
  return 1;
}
