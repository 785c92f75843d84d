/* The functions that main.c puts on the global object `system`; their JavaScript side is system.d.ts. */
#ifndef HEADCNI_SYSTEM_H
#define HEADCNI_SYSTEM_H

#include <stdint.h>

#include "quickjs.h"

#define SYSTEM_FUNCTION(name) JSValue name(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)

/* unix-socket.c */
SYSTEM_FUNCTION(system_read_all);
SYSTEM_FUNCTION(system_exchange);

/* system.c */
SYSTEM_FUNCTION(system_env);
SYSTEM_FUNCTION(system_netns_kind);
SYSTEM_FUNCTION(system_modified_at_ms);
SYSTEM_FUNCTION(system_make_directory);
SYSTEM_FUNCTION(system_create_file);
SYSTEM_FUNCTION(system_rename);
SYSTEM_FUNCTION(system_remove);
SYSTEM_FUNCTION(system_now_ms);
SYSTEM_FUNCTION(system_wall_clock_ms);
SYSTEM_FUNCTION(system_sleep);
SYSTEM_FUNCTION(system_process_id);
SYSTEM_FUNCTION(system_describe);
SYSTEM_FUNCTION(system_finish);

#endif
