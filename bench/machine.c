/* SPDX-License-Identifier: MIT */
#include "bench/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "bench/block_log.h"
#include "bench/histogram.h"

enum { SYNCS_MAX = 300, SYNCS_MIN = 30, SYNC_BYTES = 4096, COMMIT_RECORD_BYTES = 120 };

static const int64_t SYNCS_NS = 500000000; /* a slow disk is measured by fewer */

int64_t machine_now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t machine_wall_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t machine_disk_bytes(const char *dir, const char *word)
{
        char *paths[] = { (char *)(uintptr_t)dir, NULL };
        uint64_t bytes = 0;
        FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
        for (FTSENT *entry; tree && (entry = fts_read(tree));)
                if (entry->fts_info == FTS_F && (!word || strstr(entry->fts_path + strlen(dir), word)))
                        bytes += (uint64_t)entry->fts_statp->st_blocks * 512;
        if (tree)
                fts_close(tree);
        return bytes;
}

static double seconds_of(struct timeval t)
{
        return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

struct usage machine_usage(void)
{
        struct rusage self, children;
        getrusage(RUSAGE_SELF, &self);
        getrusage(RUSAGE_CHILDREN, &children);
        return (struct usage){
                .cpu_s = seconds_of(self.ru_utime) + seconds_of(self.ru_stime) +
                         seconds_of(children.ru_utime) + seconds_of(children.ru_stime),
                .rss_bytes = (uint64_t)(self.ru_maxrss + children.ru_maxrss) * 1024,
        };
}

static const struct {
        uint32_t magic; /* from linux/magic.h and statfs(2) */
        const char *name;
} file_systems[] = {
        { 0xef53, "ext4" },    { 0x58465342, "xfs" },      { 0x9123683e, "btrfs" },
        { 0x2fc12fc1, "zfs" }, { 0x01021994, "tmpfs" },    { 0xf2f52010, "f2fs" },
        { 0x6969, "nfs" },     { 0x794c7630, "overlay" },  { 0x65735546, "fuse" },
        { 0x01021997, "9p" },  { 0xca451a4e, "bcachefs" },
};

int machine_file_system(const char *dir, char *buf, size_t size, stet_why *why)
{
        struct statfs info;
        if (statfs(dir, &info) != 0)
                return stet_why_set(why, STET_EIO, "%s: %s", dir, strerror(errno));
        uint32_t magic = (uint32_t)info.f_type;
        for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++)
                if (file_systems[i].magic == magic) {
                        snprintf(buf, size, "%s", file_systems[i].name);
                        return 0;
                }
        snprintf(buf, size, "0x%x", magic);
        return 0;
}

static bool enough(int count, int64_t first_ns)
{
        return count >= SYNCS_MAX || (count >= SYNCS_MIN && machine_now_ns() - first_ns > SYNCS_NS);
}

static int measure_fdatasync(const char *dir, double *ret_p50_us, stet_why *why)
{
        char path[4096];
        static const uint8_t block[SYNC_BYTES];
        struct histogram h;
        histogram_clear(&h);
        snprintf(path, sizeof(path), "%s/fdatasync", dir);
        int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
                return stet_why_set(why, STET_EIO, "%s: %s", path, strerror(errno));
        int64_t first_ns = machine_now_ns();
        int err = 0;
        for (int i = 0; !err && !enough(i, first_ns); i++) {
                int64_t start_ns = machine_now_ns();
                if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block) || fdatasync(fd) != 0)
                        err = stet_why_set(why, STET_EIO, "%s: %s", path, strerror(errno));
                histogram_add(&h, machine_now_ns() - start_ns);
        }
        close(fd);
        unlink(path);
        if (!err)
                *ret_p50_us = histogram_us(&h, 0.5);
        return err;
}

static int measure_commit(const char *dir, double *ret_p50_us, stet_why *why)
{
        static const uint8_t record[COMMIT_RECORD_BYTES];
        struct block_log *log;
        struct histogram h;
        histogram_clear(&h);
        int err = block_log_open(dir, "commit", STET_LEVEL_SYNC, &log, why);
        if (err)
                return err;
        int64_t first_ns = machine_now_ns();
        for (int i = 0; !err && !enough(i, first_ns); i++) {
                int64_t start_ns = machine_now_ns();
                err = block_log_append(log, record, sizeof(record), why);
                histogram_add(&h, machine_now_ns() - start_ns);
        }
        block_log_remove(log);
        if (!err)
                *ret_p50_us = histogram_us(&h, 0.5);
        return err;
}

int machine_pin(uint32_t count, stet_why *why)
{
        cpu_set_t allowed, chosen;
        uint32_t taken = 0;
        if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
                return stet_why_set(why, STET_EIO, "the cores of this process: %s", strerror(errno));
        CPU_ZERO(&chosen);
        for (size_t core = 0; core < CPU_SETSIZE && taken < count; core++) {
                if (!CPU_ISSET(core, &allowed))
                        continue;
                CPU_SET(core, &chosen);
                taken++;
        }
        if (taken < count)
                return stet_why_set(why, STET_EINVAL, "--cores %u: this process may use %u", count, taken);
        if (sched_setaffinity(0, sizeof(chosen), &chosen) != 0)
                return stet_why_set(why, STET_EIO, "--cores %u: %s", count, strerror(errno));
        return 0;
}

int machine_measure(const char *dir, struct machine *ret, stet_why *why)
{
        struct machine m = { 0 };
        cpu_set_t allowed;
        m.cores = sched_getaffinity(0, sizeof(allowed), &allowed) == 0
                      ? (uint32_t)CPU_COUNT(&allowed)
                      : (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
        int err = machine_file_system(dir, m.file_system, sizeof(m.file_system), why);
        if (!err)
                err = measure_fdatasync(dir, &m.fdatasync_p50_us, why);
        if (!err)
                err = measure_commit(dir, &m.commit_p50_us, why);
        if (!err)
                *ret = m;
        return err;
}
