/* SPDX-License-Identifier: MIT */
#include "actors/code_channel.h"

static struct step *step_at(struct stet_run *code, uint32_t op)
{
        return &code->steps[op - 1];
}

static struct code_channel *channel_find(const struct stet_run *code, struct bytes name)
{
        struct name_node *node = name_set_find(&code->channels, name);
        return node ? container_of(node, struct code_channel, in_code) : NULL;
}

/* A channel stays when it is empty: the code is likely to wait for that name again. */
static struct code_channel *channel_of(struct stet_run *code, struct bytes name)
{
        struct code_channel *channel = channel_find(code, name);
        if (channel)
                return channel;
        channel = arena_alloc(&code->arena, sizeof *channel);
        *channel = (struct code_channel){ .kept_end = &channel->kept };
        name_set_add(&code->channels, &channel->in_code, code_keep(code, name));
        return channel;
}

void code_signal_come(struct stet_run *code, struct bytes name, struct bytes value)
{
        struct code_channel *channel = channel_of(code, name);
        uint32_t op = channel->first_wait;
        if (op) {
                code_wait_close(code, op);
                code_step_done(code, step_at(code, op), STET_OK, code_keep(code, value));
                return;
        }
        struct code_signal *signal = arena_alloc(&code->arena, sizeof *signal);
        *signal = (struct code_signal){ .name = channel->in_code.name, .value = code_keep(code, value) };
        list_push(&code->signals, &signal->in_code);
        *channel->kept_end = signal;
        channel->kept_end = &signal->next;
}

static struct code_signal *take(struct code_channel *channel)
{
        struct code_signal *signal = channel->kept;
        if (!signal)
                return NULL;
        channel->kept = signal->next;
        if (!channel->kept)
                channel->kept_end = &channel->kept;
        list_remove(&signal->in_code);
        return signal;
}

void code_wait_open(struct stet_run *code, uint32_t op, struct bytes name)
{
        struct code_channel *channel = channel_of(code, name);
        const struct code_signal *signal = take(channel);
        if (signal) {
                code_step_done(code, step_at(code, op), STET_OK, signal->value);
                return;
        }
        struct step *step = step_at(code, op);
        step->channel = channel;
        step->wait_before = channel->last_wait;
        if (channel->last_wait)
                step_at(code, channel->last_wait)->wait_behind = op;
        else
                channel->first_wait = op;
        channel->last_wait = op;
}

void code_wait_close(struct stet_run *code, uint32_t op)
{
        const struct step *step = step_at(code, op);
        if (step->wait_before)
                step_at(code, step->wait_before)->wait_behind = step->wait_behind;
        else
                step->channel->first_wait = step->wait_behind;
        if (step->wait_behind)
                step_at(code, step->wait_behind)->wait_before = step->wait_before;
        else
                step->channel->last_wait = step->wait_before;
}
