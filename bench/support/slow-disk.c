/* Preloaded into PostgreSQL: a disk that takes SYNC_MICROS longer to sync. Everything else is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <time.h>

static int then_sleep(int result) {
  struct timespec left = {SYNC_MICROS / 1000000, (SYNC_MICROS % 1000000) * 1000L};
  int saved = errno;
  /* PostgreSQL's processes signal each other all the time; the rest is slept afterwards. */
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  errno = saved;
  return result;
}

static int real(const char *name, int fd) {
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return then_sleep(real("fsync", fd)); }

int fdatasync(int fd) { return then_sleep(real("fdatasync", fd)); }
