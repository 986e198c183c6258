//! What a filter answers to a call, worked out beside the kernel: for one who watches, and for our tests.
//!
//! The kernel takes a part of classic BPF (seccomp(2), kernel/seccomp.c `seccomp_check_filter`): words of the call are
//! loaded, counted with, compared, and one of them says what becomes of it.

use super::numbers::{Abi, TABLE};
use libc::sock_filter;

/// What the kernel does where several filters answer differently: the smallest, read as a signed number, wins.
pub const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// `seccomp_data.arch` of this program's own calls.
pub const NATIVE_AUDIT: u32 = if cfg!(target_arch = "aarch64") { 0xc000_00b7 } else { 0xc000_003e };

/// The name of a call of this machine's own ABI.
pub fn name_of(number: u32) -> Option<&'static str> {
    use std::collections::HashMap;
    use std::sync::OnceLock;
    static NAMES: OnceLock<HashMap<u32, &'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let line = |line: &'static str| {
            let name = line.split(' ').next()?;
            Some((super::numbers::Call::find(name)?.number(Abi::NATIVE)?, name))
        };
        TABLE.lines().filter_map(line).collect()
    });
    names.get(&number).copied()
}

/// An instruction as it lies in a program's memory: `struct sock_filter` of linux/filter.h.
pub fn instruction(bytes: [u8; 8]) -> sock_filter {
    let [a, b, jt, jf, k @ ..] = bytes;
    sock_filter { code: u16::from_ne_bytes([a, b]), jt, jf, k: u32::from_ne_bytes(k) }
}

/// The answer of all filters together; each has its oldest instruction first.
pub fn answer(filters: &[Vec<sock_filter>], number: u32, args: [u64; 6]) -> u32 {
    let answers = filters.iter().map(|program| run(program, NATIVE_AUDIT, number, args).unwrap_or(ALLOW));
    answers.min_by_key(|answer| (answer & libc::SECCOMP_RET_ACTION_FULL).cast_signed()).unwrap_or(ALLOW)
}

/// Runs one program; `None` for one that the kernel would not have taken.
pub(super) fn run(program: &[sock_filter], audit: u32, number: u32, args: [u64; 6]) -> Option<u32> {
    // struct seccomp_data: the instruction pointer, which is 0 here, and each argument are two words.
    let mut words = vec![number, audit, 0, 0];
    words.extend(args.iter().flat_map(|arg| [*arg as u32, (*arg >> 32) as u32]));
    let (mut at, mut a, mut x, mut memory) = (0, 0_u32, 0_u32, [0_u32; 16]);
    loop {
        let one = program.get(at)?;
        at += 1;
        let code = u32::from(one.code);
        let operand = if code & libc::BPF_X == 0 { one.k } else { x };
        let place = one.k as usize;
        match code & 7 {
            // With BPF_LEN the length of the data, else a constant, a word of memory or a word of the call.
            libc::BPF_LD | libc::BPF_LDX => {
                let value = match code & 0xe0 {
                    libc::BPF_IMM => one.k,
                    libc::BPF_MEM => *memory.get(place)?,
                    libc::BPF_ABS => *words.get(place / 4)?,
                    _ => 64,
                };
                if code & 7 == libc::BPF_LD { a = value } else { x = value }
            }
            libc::BPF_ST => *memory.get_mut(place)? = a,
            libc::BPF_STX => *memory.get_mut(place)? = x,
            libc::BPF_ALU => a = calculate(code & 0xf0, a, operand)?,
            libc::BPF_JMP if code & 0xf0 == libc::BPF_JA => at += place,
            libc::BPF_JMP => at += usize::from(if holds(code & 0xf0, a, operand)? { one.jt } else { one.jf }),
            libc::BPF_RET => return Some(if code & 0x18 == libc::BPF_A { a } else { one.k }),
            _ if code & 0xf8 == libc::BPF_TAX => x = a,
            _ => a = x,
        }
    }
}

fn calculate(operation: u32, a: u32, operand: u32) -> Option<u32> {
    Some(match operation {
        libc::BPF_ADD => a.wrapping_add(operand),
        libc::BPF_SUB => a.wrapping_sub(operand),
        libc::BPF_MUL => a.wrapping_mul(operand),
        libc::BPF_DIV => a.checked_div(operand)?,
        libc::BPF_OR => a | operand,
        libc::BPF_AND => a & operand,
        libc::BPF_XOR => a ^ operand,
        libc::BPF_LSH => a.checked_shl(operand)?,
        libc::BPF_RSH => a.checked_shr(operand)?,
        libc::BPF_NEG => a.wrapping_neg(),
        _ => return None,
    })
}

fn holds(operation: u32, a: u32, operand: u32) -> Option<bool> {
    Some(match operation {
        libc::BPF_JEQ => a == operand,
        libc::BPF_JGT => a > operand,
        libc::BPF_JGE => a >= operand,
        libc::BPF_JSET => a & operand != 0,
        _ => return None,
    })
}

/// What a call answers that is made with nonsense, -1 in each argument: a filter that looks at the number only answers as
/// always, the kernel itself EBADF, EFAULT or EINVAL. `None` for the few that would do something. For a child: a filter may
/// kill whoever asks.
pub fn answer_to_nonsense(number: u32) -> Option<nix::errno::Errno> {
    // No argument, or none that could be wrong.
    const ACT: [&str; 18] = [
        "fork",
        "vfork",
        "exit",
        "exit_group",
        "pause",
        "sync",
        "setsid",
        "vhangup",
        "munlockall",
        "rt_sigreturn",
        "umask",
        "sched_yield",
        "restart_syscall",
        "alarm",
        "brk",
        "close_range",
        "personality",
        "getpid",
    ];
    if name_of(number).is_none_or(|name| ACT.contains(&name)) {
        return None;
    }
    let bad: libc::c_long = -1;
    // SAFETY: descriptors, addresses, lengths and flags of -1, which the kernel refuses before it reads or writes memory;
    // the calls that take no argument are left out above.
    let answer = unsafe { libc::syscall(libc::c_long::from(number), bad, bad, bad, bad, bad, bad) };
    (answer < 0).then(nix::errno::Errno::last)
}
