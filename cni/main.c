/* Runs the stub's bytecode in a context with no more of JavaScript than it uses, plus the global `system`. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

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

static void run_script(void)
{
  JSRuntime *runtime = JS_NewRuntime();
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
  if (!JS_IsException(script))
    JS_EvalFunction(ctx, script);
}

int main(void)
{
  run_script();
  /* The script ends the process itself; only exhaustion of memory leads here. */
  static const char answer[] =
    "{\"cniVersion\":\"1.1.0\",\"code\":11,\"msg\":\"the plugin could not run\","
    "\"details\":\"The node is short of memory.\"}\n";
  (void)!write(STDOUT_FILENO, answer, strlen(answer));
  return 1;
}
