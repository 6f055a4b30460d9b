/* Preloaded into a consumer: shift its wall clock by the seconds in the file that TEST_CLOCK_FILE names.
 *
 * The monotonic clock is unchanged, as on a machine whose date is wrong. libfaketime 0.9.10 cannot be used: with it,
 * Python's time.sleep fails, because it shifts the absolute deadlines of the monotonic clock. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Deadlines before 2001 are times since the machine started. */
#define WALL_CLOCK_SECONDS 1000000000

static const volatile int64_t *shared;

__attribute__((constructor)) static void map_file(void) {
    const char *path = getenv("TEST_CLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *found = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED)
        shared = found;
    if (file >= 0)
        close(file);
}

static int64_t ahead(void) { return shared ? *shared : 0; }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (result)
        *result = exact.tv_sec;
    return exact.tv_sec;
}

int timespec_get(struct timespec *now, int base) { return clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0; }

static clockid_t to_real(struct timespec *deadline) {
    if (deadline->tv_sec < WALL_CLOCK_SECONDS)
        return CLOCK_MONOTONIC;
    deadline->tv_sec -= ahead();
    return CLOCK_REALTIME;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
    struct timespec real = *deadline;
    clockid_t clock = to_real(&real);
    return pthread_cond_clockwait(condition, mutex, clock, &real);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    struct timespec real = *deadline;
    clockid_t clock = to_real(&real);
    return sem_clockwait(semaphore, clock, &real);
}
