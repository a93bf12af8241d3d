/* SPDX-License-Identifier: MIT */
#include "bench/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void read_cpu_model(char *ret, size_t size)
{
        char line[256];
        FILE *file = fopen("/proc/cpuinfo", "re");
        snprintf(ret, size, "unknown");
        while (file && fgets(line, sizeof(line), file)) {
                const char *name = strchr(line, ':');
                if (strncmp(line, "model name", strlen("model name")) != 0 || !name)
                        continue;
                name += 1 + strspn(name + 1, " ");
                snprintf(ret, size, "%.*s", (int)strcspn(name, "\n"), name);
                break;
        }
        if (file)
                fclose(file);
}

void host_look(struct host *ret)
{
        struct utsname name;
        *ret = (struct host){ .kernel = "unknown" };
        read_cpu_model(ret->cpu_model, sizeof(ret->cpu_model));
        if (uname(&name) == 0)
                snprintf(ret->kernel, sizeof(ret->kernel), "%.40s %.80s", name.sysname, name.release);
        long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
        if (pages > 0 && bytes > 0)
                ret->memory_bytes = (uint64_t)pages * (uint64_t)bytes;
}
