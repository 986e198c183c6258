//! A program that the kernel runs: the device rules of cgroup version 2, which has no devices controller.
//!
//! Before a process opens a device or makes a node for one, the kernel asks the programs of its group
//! (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15): 1 lets it through, 0 is EPERM. Such a program is a list of instructions of
//! eight bytes for a machine with eleven registers (Documentation/bpf/standardization/instruction-set.rst). The kernel
//! proves before it takes one that it ends and reads nothing but its argument; ours has no loop and no memory:
//!
//! ```text
//!     r2 = type, r3 = access, r4 = major, r5 = minor        from struct bpf_cgroup_dev_ctx (linux/bpf.h)
//!     for each rule, the last first:
//!         if r2 is another type, if r3 is not what the rule speaks of, if r4, r5 are other numbers: go to the next
//!         return 1 or 0
//!     return 0
//! ```

use super::cgroup::device::{Kind, MKNOD, READ, Rule, WRITE};
use super::{Result, call};
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const BPF_PROG_LOAD: i32 = 5;
const BPF_PROG_ATTACH: i32 = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
/// Programs of the groups above (systemd's, say) go on being asked.
const BPF_F_ALLOW_MULTI: u32 = 2;
const BPF_DEVCG_DEV_BLOCK: i32 = 1;
const BPF_DEVCG_DEV_CHAR: i32 = 2;

/// One instruction: `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u8,
    /// Destination in the low four bits, source in the high four.
    registers: u8,
    offset: i16,
    immediate: i32,
}

// What `code` is put together from: class | size or operation | whether the operand is a register.
const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP_IF_EQUAL: u8 = 0x15;
const JUMP_IF_NOT_EQUAL: u8 = 0x55;
const JUMP_IF_NOT_EQUAL_REGISTER: u8 = 0x5d;
const EXIT: u8 = 0x95;

fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: source << 4 | destination, offset, immediate }
}

/// The program for these rules.
fn program(rules: &[Rule]) -> Vec<Instruction> {
    let mut all = vec![
        instruction(LOAD_WORD, 2, 1, 0, 0),
        instruction(AND, 2, 0, 0, 0xffff),
        instruction(LOAD_WORD, 3, 1, 0, 0),
        instruction(SHIFT_RIGHT, 3, 0, 0, 16),
        instruction(LOAD_WORD, 4, 1, 4, 0),
        instruction(LOAD_WORD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        all.extend(block(rule));
        if rule.is_about_all() {
            // Nothing after it can be reached, and the kernel refuses a program with such a part.
            return all;
        }
    }
    all.extend(answer(false));
    all
}

fn answer(allow: bool) -> [Instruction; 2] {
    [instruction(MOVE, 0, 0, 0, i32::from(allow)), instruction(EXIT, 0, 0, 0, 0)]
}

/// One rule: conditions, each of which can leave for the next rule, and the answer.
fn block(rule: &Rule) -> Vec<Instruction> {
    let mut conditions = Vec::new();
    match rule.kind {
        Kind::Any => {}
        Kind::Block => conditions.push(instruction(JUMP_IF_NOT_EQUAL, 2, 0, 0, BPF_DEVCG_DEV_BLOCK)),
        Kind::Char => conditions.push(instruction(JUMP_IF_NOT_EQUAL, 2, 0, 0, BPF_DEVCG_DEV_CHAR)),
    }
    if rule.access != (MKNOD | READ | WRITE) {
        conditions.push(instruction(MOVE_REGISTER, 1, 3, 0, 0));
        conditions.push(instruction(AND, 1, 0, 0, rule.access.cast_signed()));
        // What is allowed must cover all that is wanted; what is denied need be only a part of it.
        conditions.push(if rule.allow {
            instruction(JUMP_IF_NOT_EQUAL_REGISTER, 1, 3, 0, 0)
        } else {
            instruction(JUMP_IF_EQUAL, 1, 0, 0, 0)
        });
    }
    for (register, number) in [(4, rule.major), (5, rule.minor)] {
        if let Some(number) = number {
            conditions.push(instruction(JUMP_IF_NOT_EQUAL, register, 0, 0, number.cast_signed()));
        }
    }
    let length = conditions.len();
    for (place, one) in conditions.iter_mut().enumerate() {
        if matches!(one.code, JUMP_IF_EQUAL | JUMP_IF_NOT_EQUAL | JUMP_IF_NOT_EQUAL_REGISTER) {
            // Counted from the next instruction: over the conditions that are left, and over the answer.
            one.offset = i16::try_from(length - place - 1 + 2).unwrap_or(i16::MAX);
        }
    }
    conditions.extend(answer(rule.allow));
    conditions
}

/// The part of `union bpf_attr` that BPF_PROG_LOAD reads here; the kernel takes what is missing as zeroes.
#[repr(C)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
}

/// The part that BPF_PROG_ATTACH reads.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// Puts the rules into force in a group of version 2, for as long as it exists.
///
/// # Errors
/// The bpf(2) that failed: EPERM without CAP_BPF and CAP_NET_ADMIN in the first user namespace.
pub fn guard_devices(group: BorrowedFd<'_>, rules: &[Rule], why: &str) -> Result<()> {
    let instructions = program(rules);
    let load = Load {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        insns: instructions.as_ptr() as u64,
        license: c"MIT".as_ptr() as u64,
    };
    let count = instructions.len();
    let loaded = call(
        why,
        "bpf",
        format_args!(
            "BPF_PROG_LOAD, {{prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt={count}}}, {}",
            size_of::<Load>()
        ),
        || {
            // SAFETY: `load`, and the instructions and the text that it points to, live until the call returns.
            let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const load, size_of::<Load>()) };
            // SAFETY: the kernel has just given us this descriptor.
            Errno::result(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
        },
    )?;
    let attach = Attach {
        target: group.as_raw_fd().cast_unsigned(),
        program: loaded.as_raw_fd().cast_unsigned(),
        kind: BPF_CGROUP_DEVICE,
        flags: BPF_F_ALLOW_MULTI,
    };
    call(
        why,
        "bpf",
        format_args!(
            "BPF_PROG_ATTACH, {{target_fd={}, attach_bpf_fd={}, attach_type=BPF_CGROUP_DEVICE, \
             attach_flags=BPF_F_ALLOW_MULTI}}, {}",
            attach.target,
            attach.program,
            size_of::<Attach>()
        ),
        || {
            let answer =
                // SAFETY: `attach` lives until the call returns, and names two descriptors that are open.
                unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, &raw const attach, size_of::<Attach>()) };
            Errno::result(answer).map(drop)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel's machine would do with the program.
    fn decide(rules: &[Rule], kind: i32, access: u32, major: u32, minor: u32) -> bool {
        let program = program(rules);
        let context = [access.cast_signed() << 16 | kind, major.cast_signed(), minor.cast_signed()];
        let mut registers = [0i64; 11];
        let mut next = 0;
        loop {
            let one = program[next];
            let (to, from) = ((one.registers & 15) as usize, (one.registers >> 4) as usize);
            next += 1;
            let mut jump = |holds: bool| next = if holds { next + one.offset as usize } else { next };
            match one.code {
                LOAD_WORD => registers[to] = i64::from(context[one.offset as usize / 4]),
                MOVE => registers[to] = i64::from(one.immediate),
                MOVE_REGISTER => registers[to] = registers[from],
                AND => registers[to] &= i64::from(one.immediate),
                SHIFT_RIGHT => registers[to] >>= one.immediate,
                JUMP_IF_EQUAL => jump(registers[to] == i64::from(one.immediate)),
                JUMP_IF_NOT_EQUAL => jump(registers[to] != i64::from(one.immediate)),
                JUMP_IF_NOT_EQUAL_REGISTER => jump(registers[to] != registers[from]),
                EXIT => return registers[0] == 1,
                other => unreachable!("instruction {other:#x}"),
            }
        }
    }

    fn rule(allow: bool, kind: Kind, number: (Option<u32>, Option<u32>), access: &str) -> Rule {
        Rule { allow, kind, major: number.0, minor: number.1, access: Rule::access(access) }
    }

    #[test]
    fn the_program_decides_as_the_rules_say() {
        let rules = [
            rule(false, Kind::Any, (None, None), "rwm"),
            rule(true, Kind::Char, (None, None), "m"),
            rule(true, Kind::Char, (Some(1), Some(3)), "rwm"),
            rule(true, Kind::Char, (Some(136), None), "rw"),
            rule(true, Kind::Block, (Some(8), None), "r"),
            rule(false, Kind::Block, (Some(8), Some(2)), "rw"),
        ];
        let table = [
            (BPF_DEVCG_DEV_CHAR, READ | WRITE, 1, 3, true),
            (BPF_DEVCG_DEV_CHAR, READ, 1, 1, false),
            (BPF_DEVCG_DEV_CHAR, MKNOD, 1, 1, true),
            (BPF_DEVCG_DEV_CHAR, WRITE, 136, 7, true),
            (BPF_DEVCG_DEV_BLOCK, READ, 8, 1, true),
            (BPF_DEVCG_DEV_BLOCK, READ | WRITE, 8, 1, false),
            (BPF_DEVCG_DEV_BLOCK, READ, 8, 2, false),
            (BPF_DEVCG_DEV_BLOCK, MKNOD, 8, 1, false),
            (BPF_DEVCG_DEV_BLOCK, READ, 1, 3, false),
        ];
        for (kind, access, major, minor, allowed) in table {
            assert_eq!(decide(&rules, kind, access, major, minor), allowed, "{kind} {major}:{minor} {access}");
        }
    }

    #[test]
    fn a_last_word_about_all_is_the_last_word() {
        let all = [rule(false, Kind::Any, (None, None), "rwm"), rule(true, Kind::Any, (None, None), "rwm")];
        assert!(decide(&all, BPF_DEVCG_DEV_BLOCK, READ | WRITE | MKNOD, 8, 0));
        assert!(!decide(&[], BPF_DEVCG_DEV_CHAR, READ, 1, 3));
    }
}
