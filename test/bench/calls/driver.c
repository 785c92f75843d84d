/*
 * Runs a CNI plugin as a container runtime does, many times, and measures each run with the monotonic clock:
 *   driver PLUGIN COMMAND IFNAME CNI_PATH AT_ONCE <JOBS
 * JOBS has one line per run: CONTAINERID TAB NETNS TAB FILE [TAB CNI_ARGS]; FILE is the network configuration for stdin.
 * A run is posix_spawn, stdout read to its end, wait4. Everything else (reading FILE, filling the pipe that is
 * stdin) happens before its clock starts. AT_ONCE threads take jobs from one queue.
 * Prints one JSON line per run, in the order of JOBS, then one for the whole:
 *   {"containerId":S,"elapsedNs":N,"cpuUs":N,"maxRssKb":N,"exitCode":N,"stdout":S}
 *   {"wallNs":N}
 * A plugin that cannot be started, or more than 64 KiB in either direction, ends the driver with code 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { max_jobs = 4096, max_at_once = 64, max_bytes = 65536 };

struct job {
  char *container_id, *netns, *config, *cni_args;
  size_t config_length;
  long long elapsed_ns, cpu_us;
  long max_rss_kb;
  int exit_code;
  char *output;
  size_t output_length;
};

static struct job jobs[max_jobs];
static int job_count;
static atomic_int next_job;
static char *plugin, *command, *ifname, *cni_path;

static void die(const char *what) {
  fprintf(stderr, "driver: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static char *text(const char *format, const char *value) {
  char *result;
  if (asprintf(&result, format, value) < 0) die("asprintf");
  return result;
}

static char *read_file(const char *path, size_t *length) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  char *content = malloc(max_bytes);
  ssize_t got = read(fd, content, max_bytes);
  if (got < 0 || got == max_bytes) die(path);
  close(fd);
  *length = got;
  return content;
}

static void read_jobs(void) {
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  while ((length = getline(&line, &size, stdin)) > 0) {
    if (job_count == max_jobs) die("too many jobs");
    struct job *job = &jobs[job_count++];
    line[strcspn(line, "\n")] = 0;
    char *rest = line, *config;
    job->container_id = strdup(strsep(&rest, "\t"));
    if (rest == NULL || (job->netns = strdup(strsep(&rest, "\t")), rest == NULL)) die("a job of too few fields");
    config = strsep(&rest, "\t");
    job->cni_args = rest == NULL ? NULL : strdup(rest);
    job->config = read_file(config, &job->config_length);
  }
}

static void run(struct job *job) {
  int input[2], output[2];
  if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC)) die("pipe2");
  /* A pipe holds 64 KiB (pipe(7)), so this does not wait for a reader. */
  if (write(input[1], job->config, job->config_length) != (ssize_t)job->config_length) die("write");
  close(input[1]);
  char *environment[] = {
      text("CNI_COMMAND=%s", command), text("CNI_CONTAINERID=%s", job->container_id),
      text("CNI_NETNS=%s", job->netns), text("CNI_IFNAME=%s", ifname),
      text("CNI_PATH=%s", cni_path),
      job->cni_args == NULL ? text("CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=%.63s", job->container_id)
                            : text("CNI_ARGS=%s", job->cni_args),
      strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), NULL};
  char *arguments[] = {plugin, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  job->output = malloc(max_bytes);

  pid_t pid;
  int status;
  struct rusage usage;
  ssize_t got;
  long long start = now_ns();
  if ((errno = posix_spawn(&pid, plugin, &actions, NULL, arguments, environment))) die(plugin);
  close(output[1]);
  while ((got = read(output[0], job->output + job->output_length, max_bytes - job->output_length)) > 0)
    job->output_length += got;
  if (wait4(pid, &status, 0, &usage) != pid) die("wait4");
  job->elapsed_ns = now_ns() - start;

  if (got < 0 || job->output_length == max_bytes) die("output");
  close(output[0]);
  close(input[0]);
  posix_spawn_file_actions_destroy(&actions);
  for (char **entry = environment; *entry; entry++) free(*entry);
  job->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  job->cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  job->max_rss_kb = usage.ru_maxrss;
}

static void *work(void *unused) {
  int index;
  while ((index = atomic_fetch_add(&next_job, 1)) < job_count) run(&jobs[index]);
  return unused;
}

static void print_string(const char *bytes, size_t length) {
  putchar('"');
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = bytes[i];
    if (byte == '"' || byte == '\\') printf("\\%c", byte);
    else if (byte < 0x20) printf("\\u%04x", byte);
    else putchar(byte);
  }
  putchar('"');
}

int main(int count, char **arguments) {
  int at_once = count == 6 ? atoi(arguments[5]) : 0;
  if (at_once < 1 || at_once > max_at_once) {
    fprintf(stderr, "usage: driver PLUGIN COMMAND IFNAME CNI_PATH AT_ONCE(1-%d) <JOBS\n", max_at_once);
    return 1;
  }
  plugin = arguments[1], command = arguments[2], ifname = arguments[3], cni_path = arguments[4];
  read_jobs();
  pthread_t threads[max_at_once];
  long long start = now_ns();
  for (int i = 1; i < at_once; i++)
    if ((errno = pthread_create(&threads[i], NULL, work, NULL))) die("pthread_create");
  work(NULL);
  for (int i = 1; i < at_once; i++) pthread_join(threads[i], NULL);
  long long wall = now_ns() - start;
  for (struct job *job = jobs; job < jobs + job_count; job++) {
    printf("{\"containerId\":");
    print_string(job->container_id, strlen(job->container_id));
    printf(",\"elapsedNs\":%lld,\"cpuUs\":%lld,\"maxRssKb\":%ld,\"exitCode\":%d,\"stdout\":", job->elapsed_ns,
           job->cpu_us, job->max_rss_kb, job->exit_code);
    print_string(job->output, job->output_length);
    printf("}\n");
  }
  printf("{\"wallNs\":%lld}\n", wall);
  return 0;
}
