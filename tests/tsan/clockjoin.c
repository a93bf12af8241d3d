/* SPDX-License-Identifier: MIT
 *
 * ThreadSanitizer of gcc 12 does not know pthread_clockjoin_np(), so that it takes what a joined thread did
 * for races with what comes after. This one joins by pthread_timedjoin_np(), which it knows. Only for its
 * tree.
 */
#include <pthread.h>
#include <time.h>

enum { NS_PER_S = 1000000000 };

int pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t clock, const struct timespec *until)
{
        struct timespec now, wall;
        clock_gettime(clock, &now);
        clock_gettime(CLOCK_REALTIME, &wall);
        wall.tv_sec += until->tv_sec - now.tv_sec;
        wall.tv_nsec += until->tv_nsec - now.tv_nsec;
        wall.tv_sec += (wall.tv_nsec >= NS_PER_S) - (wall.tv_nsec < 0);
        wall.tv_nsec += ((wall.tv_nsec < 0) - (wall.tv_nsec >= NS_PER_S)) * NS_PER_S;
        return pthread_timedjoin_np(thread, ret, &wall);
}
