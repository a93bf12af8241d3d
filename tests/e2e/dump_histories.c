/* SPDX-License-Identifier: MIT
 *
 * dump_histories DIR: every run of a data directory with its whole history, one line a run, its parts apart
 * by tabs, in the order of the list. Opens the directory without any code, so that nothing goes on. For tests
 * that compare.
 */
#include <stet/stet.h>

#include <stdio.h>
#include <stdlib.h>

static stet_why why;

static void print_json(const stet_value *v)
{
        char *text;
        if (stet_value_to_json(v, 0, &text) != 0)
                return;
        fputs(text, stdout);
        free(text);
}

static int print_history(stet_client *client, const char *run)
{
        uint64_t from = 0;
        size_t count;
        printf("%s", run);
        do {
                stet_value page = { 0 };
                int err = stet_client_history(client, run, from, 0, &page, &why);
                if (err)
                        return err;
                count = stet_value_count(&page);
                from += count;
                putchar('\t');
                print_json(&page);
                stet_value_free(&page);
        } while (count);
        putchar('\n');
        return 0;
}

static int print_all(stet_client *client)
{
        char run[STET_RUN_ID_SIZE] = "";
        for (;;) {
                stet_value page = { 0 }, row;
                stet_list_filter filter = { .limit = 1000, .before_run_id = run[0] ? run : NULL };
                int err = stet_client_list(client, &filter, &page, &why);
                for (size_t at = 0; !err && stet_value_next(&page, &at, NULL, &row);) {
                        stet_value id = stet_value_get(&row, "run_id");
                        err = stet_value_get_string(&id, run, sizeof run);
                        if (!err)
                                err = print_history(client, run);
                }
                bool end = stet_value_count(&page) == 0;
                stet_value_free(&page);
                if (err || end)
                        return err;
        }
}

int main(int argc, char **argv)
{
        stet_node_options options = STET_NODE_OPTIONS;
        stet_node *node;
        stet_client *client;
        if (argc != 2)
                return 2;
        options.data_dir = argv[1];
        options.no_create = true;
        options.threads = true; /* whatever number of shards it has */
        int err = stet_node_open(&options, &node, &why);
        if (!err) {
                err = stet_node_client(node, &client, &why);
                if (!err)
                        err = print_all(client);
                stet_client_close(err ? NULL : client);
                stet_node_close(node);
        }
        if (err)
                fprintf(stderr, "dump_histories: %s: %s\n", stet_error_name(err), why.text);
        return err ? 1 : 0;
}
