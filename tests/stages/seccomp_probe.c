/* Makes every system call once, each in a child of its own, and says what came of it: a line a call,
 *
 *     64 165 EPERM        the call's number in the 64-bit ABI of this machine
 *     32 21 EPERM         the same in the 32-bit one (int 0x80; x86 only)
 *     socket 40 EPERM     calls whose arguments decide
 *
 * The arguments are all -1: nothing that the kernel could follow, so that what is not refused by a filter is refused by
 * the kernel, or does no harm. The answers are EPERM, ENOSYS, or "reached" for all others. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Where the child leaves the answer. No stack is used between the call and this: vfork(2) shares it. */
static volatile long *answer;
static const long NONE = 1L << 62;

#if defined(__x86_64__)
#define EXIT(code) __asm__ volatile("syscall" ::"a"((long)SYS_exit_group), "D"((long)(code)) : "rcx", "r11", "memory")
static inline __attribute__((always_inline)) long native(long nr, long a, long rest)
{
    long ret;
    register long r10 __asm__("r10") = rest, r8 __asm__("r8") = rest, r9 __asm__("r9") = rest;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(rest), "d"(rest), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
static inline __attribute__((always_inline)) long narrow(long nr)
{
    int ret, minus = -1;
    __asm__ volatile("int $0x80" : "=a"(ret) : "a"((int)nr), "b"(minus), "c"(minus), "d"(minus), "S"(minus), "D"(minus)
                     : "r8", "r9", "r10", "r11", "memory");
    return ret;
}
#elif defined(__aarch64__)
#define EXIT(code) native(SYS_exit_group, (code), 0)
static inline __attribute__((always_inline)) long native(long nr, long a, long rest)
{
    register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = rest, x2 __asm__("x2") = rest,
                  x3 __asm__("x3") = rest, x4 __asm__("x4") = rest, x5 __asm__("x5") = rest;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#endif

/* A child that the machine has had no time for yet has not been answered: only one that sleeps waits for ever. */
static int sleeps(pid_t child)
{
    char path[32], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 1;
    if (fread(text, 1, sizeof text - 1, file) == 0)
        text[0] = 0;
    fclose(file);
    const char *state = strrchr(text, ')');
    /* D: the disk that it waits for answers. */
    return state == NULL || (state[2] != 'R' && state[2] != 'D');
}

static const char *wait_and_name(pid_t child)
{
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    /* pause(2) and its like wait for ever, some with every signal blocked. */
    struct timespec patience = {.tv_nsec = 200000000};
    /* Seen asleep once, it may have waited for a page of the program: twice is once too often. Ten seconds are, for all. */
    for (int slept = 0, seen = 0; waitpid(child, NULL, __WALL | WNOHANG) == 0;)
        if (sigtimedwait(&ended, NULL, &patience) < 0 && (++seen > 50 || (sleeps(child) && slept++)))
            kill(child, SIGKILL);
    if (*answer == -EPERM)
        return "EPERM";
    return *answer == -ENOSYS ? "ENOSYS" : "reached";
}

static pid_t begin(void)
{
    *answer = NONE;
    fflush(stdout);
    return fork();
}

static void call(const char *label, long shown, long nr, long first, long rest)
{
    pid_t child = begin();
    if (child == 0) {
        *answer = native(nr, first, rest);
        EXIT(0);
    }
    printf("%s %ld %s\n", label, shown, wait_and_name(child));
}

int main(void)
{
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
    answer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (long nr = 0; nr <= 560; nr++)
        call("64", nr, nr, -1, -1);
    long above[] = {600, 1000, 100000, 0x3fffffff, 0x40000000, 0x400000a5, 0x400001b1, 0x40000223, 0x40000224, 0x7fffffff};
    for (unsigned i = 0; i < sizeof above / sizeof *above; i++)
        call("64", above[i], above[i], -1, -1);
#if defined(__x86_64__)
    for (long nr = 0; nr <= 480; nr++) {
        pid_t child = begin();
        if (child == 0) {
            *answer = narrow(nr);
            EXIT(0);
        }
        printf("32 %ld %s\n", nr, wait_and_name(child));
    }
#endif
    for (long family = 0; family <= 50; family++)
        call("socket", family, SYS_socket, family, -1);
    long personas[] = {0, 1, 8, 0x20000, 0x20008, 0x40000, 0xffffffffL, -1};
    for (unsigned i = 0; i < sizeof personas / sizeof *personas; i++)
        call("personality", personas[i], SYS_personality, personas[i], -1);
    /* CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET; then no namespace: only the kernel objects to CLONE_SIGHAND alone. */
    long flags[] = {0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x800, SIGCHLD};
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        call("clone", flags[i], SYS_clone, flags[i], 0);
    /* TIOCSTI puts a letter into a terminal's input: the profile has never had a rule for it. */
    pid_t child = begin();
    if (child == 0) {
        *answer = native(SYS_ioctl, 0, 0x5412);
        EXIT(0);
    }
    printf("tiocsti 0 %s\n", wait_and_name(child));
    return 0;
}
