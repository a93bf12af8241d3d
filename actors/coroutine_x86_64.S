/* SPDX-License-Identifier: MIT
 *
 * System V AMD64 ABI, section 3.2.1: rbx, rbp, r12…r15 and the control words of SSE and x87 survive a call.
 * void coroutine_switch(void **ret_sp [rdi], void *sp [rsi])
 */
#if defined(__x86_64__)
        .text
        .globl coroutine_switch
        .hidden coroutine_switch
        .type coroutine_switch, @function
coroutine_switch:
        pushq %rbp
        pushq %rbx
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        subq $8, %rsp
        stmxcsr (%rsp)
        fnstcw 4(%rsp)
        movq %rsp, (%rdi)
        movq %rsi, %rsp
        ldmxcsr (%rsp)
        fldcw 4(%rsp)
        addq $8, %rsp
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbx
        popq %rbp
        ret
        .size coroutine_switch, . - coroutine_switch

        .globl coroutine_entry
        .hidden coroutine_entry
        .type coroutine_entry, @function
coroutine_entry:
        movq %rbx, %rdi
        xorl %ebp, %ebp
        call coroutine_main
        ud2
        .size coroutine_entry, . - coroutine_entry
        .section .note.GNU-stack, "", @progbits
#endif
