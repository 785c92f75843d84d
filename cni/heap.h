/* The memory of QuickJS, and what every call finds in it. */
#ifndef HEADCNI_HEAP_H
#define HEADCNI_HEAP_H

#include "quickjs.h"

struct heap {
  /* Of the loaded script; NULL in the run of the build that makes the snapshot. */
  JSContext *context;
  /* What the script left in `system.main`. */
  JSValue main;
  size_t used_words;
  size_t words[32 * 1024];
};

extern struct heap heap;
extern const JSMallocFunctions heap_functions;

#endif
