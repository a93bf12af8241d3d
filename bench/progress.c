/* SPDX-License-Identifier: MIT */
#include "bench/progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bench/machine.h"

static const int64_t INTERVAL_NS = 200000000;

static const int64_t SAME_NS = 1000000000; /* timeout(1), for one, sends each signal twice at once */

static char place[192];

static volatile sig_atomic_t interrupted;
static int64_t interrupted_ns; /* written before, and read after, interrupted is set: by the handler alone */

static void on_signal(int signal_number)
{
        int64_t now_ns = machine_now_ns();
        if (!interrupted) {
                interrupted_ns = now_ns;
                interrupted = 1;
        } else if (now_ns - interrupted_ns > SAME_NS) {
                signal(signal_number, SIG_DFL);
                raise(signal_number);
        }
}

void progress_catch_signals(void)
{
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        sigemptyset(&action.sa_mask);
        sigaddset(&action.sa_mask, SIGINT);
        sigaddset(&action.sa_mask, SIGTERM);
        interrupted = 0;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
}

bool progress_interrupted(void)
{
        return interrupted != 0;
}

void progress_set_place(const char *text)
{
        snprintf(place, sizeof(place), "%s", text);
        if (isatty(STDERR_FILENO) == 1)
                fprintf(stderr, "\r\033[K%s", place);
}

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
        int64_t now_ns = machine_now_ns();
        *p = (struct progress){
                .what = what,
                .total = total,
                .start_ns = now_ns,
                .next_ns = now_ns + INTERVAL_NS,
                .terminal = isatty(STDERR_FILENO) == 1,
        };
}

void progress_show(struct progress *p, uint64_t done, int64_t now_ns)
{
        if (!p || !p->terminal || now_ns < p->next_ns)
                return;
        p->next_ns = now_ns + INTERVAL_NS;
        double rate = (double)done * 1e9 / (double)(now_ns - p->start_ns);
        fprintf(stderr, "\r\033[K%s%s  %" PRIu64 " of %" PRIu64 "  %.0f/s", place, p->what, done, p->total,
                rate);
        fflush(stderr);
}

void progress_end(struct progress *p)
{
        if (p && p->terminal)
                fprintf(stderr, "\r\033[K%s", place);
}

int progress_pause(int64_t ms, stet_why *why)
{
        struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
        while (!progress_interrupted() && nanosleep(&rest, &rest) != 0)
                ;
        return progress_interrupted() ? stet_why_set(why, STET_ECANCELED, "interrupted") : 0;
}
