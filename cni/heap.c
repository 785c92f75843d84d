/*
 * A heap that is a section of the ELF, so that the build can keep the loaded script in it (a startup snapshot).
 * Blocks of the section are never freed: the process ends before they would be needed again. Once it is full, libc
 * serves. The size of a block, in words, stands before it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"

#define HEAP_WORDS (sizeof heap.words / sizeof heap.words[0])

struct heap heap __attribute__((section(".heap"), aligned(4096))) = {0};

static int in_section(const void *block)
{
  return (uintptr_t)block - (uintptr_t)heap.words < sizeof heap.words;
}

static void *allocate(JSMallocState *state, size_t size)
{
  (void)state;
  size_t words = (size + sizeof(size_t) - 1) / sizeof(size_t);
  if (words >= HEAP_WORDS - heap.used_words)
    /* The snapshot must be in the section; the script that does not fit fails the build. */
    return heap.context ? malloc(size) : NULL;
  size_t *block = heap.words + heap.used_words + 1;
  block[-1] = words;
  heap.used_words += 1 + words;
  return block;
}

static void release(JSMallocState *state, void *block)
{
  (void)state;
  if (!in_section(block))
    free(block);
}

static void *resize(JSMallocState *state, void *block, size_t size)
{
  if (!block)
    return allocate(state, size);
  if (!in_section(block))
    return realloc(block, size);
  size_t old_size = ((size_t *)block)[-1] * sizeof(size_t);
  if (size <= old_size)
    return block;
  void *larger = allocate(state, size);
  return larger ? memcpy(larger, block, old_size) : NULL;
}

const JSMallocFunctions heap_functions = {allocate, release, resize, NULL};
