//! Arguments of a call, compared by a machine that has one register of 32 bits: a 64-bit argument is looked at in two
//! halves, the high one first.

use super::filter::FilterError;
use libc::sock_filter;
use oci_spec::runtime::{LinuxSeccompArg, LinuxSeccompOperator as Operator};

/// `seccomp_data`: number, architecture, instruction pointer, then six arguments of 64 bits (linux/seccomp.h).
const ARGUMENTS: u32 = 16;

/// One instruction (linux/bpf_common.h): what to do, where to go when it holds and when not, and its number.
pub(super) const fn instruction(code: u32, yes: u8, no: u8, number: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: yes, jf: no, k: number }
}

/// Puts the word at this offset of `seccomp_data` into the register.
pub(super) const fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Goes so many instructions on.
pub(super) const fn jump(over: u32) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JA, 0, 0, over)
}

/// Ends the program with this answer.
pub(super) const fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, value)
}

/// Goes `yes` or `no` instructions on: the register compared with a number (`BPF_JEQ`, `BPF_JGT`, `BPF_JGE`).
pub(super) const fn compare(how: u32, number: u32, yes: u8, no: u8) -> sock_filter {
    instruction(libc::BPF_JMP | how | libc::BPF_K, yes, no, number)
}

/// Where a comparison goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    /// The next instruction.
    Next,
    /// Behind this condition: it holds.
    Holds,
    /// Behind the whole rule: it does not.
    Fails,
}

enum Step {
    Load(u32),
    And(u32),
    Compare(u32, u32, To, To),
}

/// A rule: if all conditions hold, the answer; else it falls through to what comes after. Without conditions it is the
/// answer alone.
///
/// # Errors
/// [`FilterError::Argument`]: a call has six arguments.
pub(super) fn rule(conditions: &[LinuxSeccompArg], wide: bool, value: u32) -> Result<Vec<sock_filter>, FilterError> {
    let mut program: Vec<sock_filter> = Vec::new();
    // From the last to the first: how far it is to the end is then known.
    program.push(answer(value));
    for condition in conditions.iter().rev() {
        let steps = steps(condition, wide)?;
        let (length, behind) = (steps.len(), program.len());
        let mut part = Vec::with_capacity(length);
        for (index, step) in steps.into_iter().enumerate() {
            // Six conditions of five instructions at most: every distance fits eight bits.
            let way = |to| match to {
                To::Next => 0,
                To::Holds => (length - index - 1) as u8,
                To::Fails => (length - index - 1 + behind) as u8,
            };
            part.push(match step {
                Step::Load(offset) => load(offset),
                Step::And(mask) => instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask),
                Step::Compare(how, number, yes, no) => compare(how, number, way(yes), way(no)),
            });
        }
        program.splice(0..0, part);
    }
    Ok(program)
}

/// One comparison. In an ABI that is not `wide` the high half is not looked at, as libseccomp does not.
fn steps(condition: &LinuxSeccompArg, wide: bool) -> Result<Vec<Step>, FilterError> {
    use To::{Fails, Holds, Next};
    let index = u32::try_from(condition.index()).ok().filter(|index| *index < 6);
    let low = ARGUMENTS + 8 * index.ok_or(FilterError::Argument(condition.index()))?;
    let (value, second) = (condition.value(), condition.value_two().unwrap_or(0));
    let (equal, greater, at_least) = (libc::BPF_JEQ, libc::BPF_JGT, libc::BPF_JGE);
    let high_half = |number: u64| (number >> 32) as u32;
    let low_half = |number: u64| number as u32;
    // For an order: a high half that differs decides, an equal one leaves it to the low half.
    let order = |how: u32, yes: To, no: To| {
        let mut steps = Vec::new();
        if wide {
            steps.push(Step::Load(low + 4));
            steps.push(Step::Compare(greater, high_half(value), yes, Next));
            steps.push(Step::Compare(equal, high_half(value), Next, no));
        }
        steps.push(Step::Load(low));
        steps.push(Step::Compare(how, low_half(value), yes, no));
        steps
    };
    let masked = |mask: u64, wanted: u64, holds: To, fails: To| {
        let mut steps = Vec::new();
        if wide {
            steps.push(Step::Load(low + 4));
            steps.extend((mask != u64::MAX).then(|| Step::And(high_half(mask))));
            steps.push(Step::Compare(equal, high_half(wanted), Next, fails));
        }
        steps.push(Step::Load(low));
        steps.extend((mask != u64::MAX).then(|| Step::And(low_half(mask))));
        steps.push(Step::Compare(equal, low_half(wanted), holds, fails));
        steps
    };
    Ok(match condition.op() {
        Operator::ScmpCmpEq => masked(u64::MAX, value, Holds, Fails),
        Operator::ScmpCmpNe => masked(u64::MAX, value, Fails, Holds),
        Operator::ScmpCmpGt => order(greater, Holds, Fails),
        Operator::ScmpCmpGe => order(at_least, Holds, Fails),
        Operator::ScmpCmpLt => order(at_least, Fails, Holds),
        Operator::ScmpCmpLe => order(greater, Fails, Holds),
        // The first number is the mask, the second what must be left (config-linux.md, `valueTwo`).
        Operator::ScmpCmpMaskedEq => masked(value, second & value, Holds, Fails),
    })
}
