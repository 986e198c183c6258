//! What a process has from whoever started it, besides descriptors and signals, and hands on to all of its children: how it is
//! scheduled, what it may use, how its memory is laid out.
//!
//! | of the caller | what would be otherwise inside |
//! |---|---|
//! | `setarch -R` | no address is random, and every exploit knows where it is |
//! | `chrt -f 50`, `nice`, `ionice`, `taskset` | it goes before all others of this machine, or after them, or on one processor |
//! | `ulimit -f`, `-t`, `-v`, `-d` | it is killed for a file, a second, a mapping that the container was not denied |
//!
//! docker's daemon starts containers, and has the machine's usual ones, whatever the shell of who asks it.

/// The processors that a mask of this size has room for: more than any kernel is built for (CONFIG_NR_CPUS).
const ALL_PROCESSORS: [u8; 1024] = [u8::MAX; 1024];

/// PER_LINUX of personality(2), with none of its flags.
const LINUX: libc::c_ulong = 0;

/// In nanoseconds, what the kernel gives the first process (init/init_task.c).
const TIMER_SLACK: libc::c_ulong = 50_000;

/// IOPRIO_WHO_PROCESS of ioprio_set(2), which the C library does not wrap.
const IO_OF_A_PROCESS: libc::c_int = 1;

/// Limits that end a process, or deny it what it needs, while it does nothing but its work. The others are left: how many files
/// it may open, how large its stack is, belongs to how a machine is set up.
const OF_WORK: [libc::__rlimit_resource_t; 4] =
    [libc::RLIMIT_FSIZE, libc::RLIMIT_CPU, libc::RLIMIT_AS, libc::RLIMIT_DATA];

/// This process stands as a daemon does. What it has no right to (a lower nice value, a higher hard limit) stays as it is: an
/// ordinary user gets nothing here that the user could not have had.
pub fn take_usual_standing() {
    let ordinary = libc::sched_param { sched_priority: 0 };
    // SAFETY: all of these take numbers, but for two that read a structure and a mask, which outlive the calls.
    unsafe {
        libc::personality(LINUX);
        libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const ordinary);
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
        libc::syscall(libc::SYS_ioprio_set, IO_OF_A_PROCESS, 0, 0);
        // The kernel cuts it to the processors that there are, and to those of its cpuset.
        libc::sched_setaffinity(0, ALL_PROCESSORS.len(), ALL_PROCESSORS.as_ptr().cast());
        libc::prctl(libc::PR_SET_TIMERSLACK, TIMER_SLACK);
        libc::prctl(libc::PR_SET_THP_DISABLE, 0, 0, 0, 0);
    }
    OF_WORK.into_iter().for_each(lift);
}

/// To none, or as far as its hard limit goes.
fn lift(resource: libc::__rlimit_resource_t) {
    let none = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let mut own = none;
    // SAFETY: both structures outlive the calls.
    unsafe {
        if libc::setrlimit(resource, &raw const none) != 0 && libc::getrlimit(resource, &raw mut own) == 0 {
            own.rlim_cur = own.rlim_max;
            libc::setrlimit(resource, &raw const own);
        }
    }
}
