/* SPDX-License-Identifier: MIT
 *
 * Procedure Call Standard for the Arm 64-bit Architecture, section 6.1: x19…x29, lr and the low halves of v8…v15
 * survive a call.
 * void coroutine_switch(void **ret_sp [x0], void *sp [x1])
 */
#if defined(__aarch64__)
        .text
        .globl coroutine_switch
        .hidden coroutine_switch
        .type coroutine_switch, %function
coroutine_switch:
        sub sp, sp, #160
        stp d8, d9, [sp]
        stp d10, d11, [sp, #16]
        stp d12, d13, [sp, #32]
        stp d14, d15, [sp, #48]
        stp x19, x20, [sp, #64]
        stp x21, x22, [sp, #80]
        stp x23, x24, [sp, #96]
        stp x25, x26, [sp, #112]
        stp x27, x28, [sp, #128]
        stp x29, x30, [sp, #144]
        mov x2, sp
        str x2, [x0]
        mov sp, x1
        ldp d8, d9, [sp]
        ldp d10, d11, [sp, #16]
        ldp d12, d13, [sp, #32]
        ldp d14, d15, [sp, #48]
        ldp x19, x20, [sp, #64]
        ldp x21, x22, [sp, #80]
        ldp x23, x24, [sp, #96]
        ldp x25, x26, [sp, #112]
        ldp x27, x28, [sp, #128]
        ldp x29, x30, [sp, #144]
        add sp, sp, #160
        ret
        .size coroutine_switch, . - coroutine_switch

        .globl coroutine_entry
        .hidden coroutine_entry
        .type coroutine_entry, %function
coroutine_entry:
        mov x0, x19
        mov x29, #0
        bl coroutine_main
        brk #1
        .size coroutine_entry, . - coroutine_entry
        .section .note.GNU-stack, "", %progbits
#endif
