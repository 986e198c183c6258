//! From a list of rules to a program: for each ABI the numbers are sorted into ranges with one answer each, and the
//! program searches them by halving, as one looks up a word. libseccomp does the same when it is asked to (runc asks).

use super::condition::{answer, compare, jump, load, rule};
use super::numbers::{Abi, Call, X32_BIT};
use libc::sock_filter;
use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompFilterFlag as Flag, LinuxSyscall,
};

/// A program for the kernel, ready to be installed.
#[derive(Debug, Clone)]
pub struct Filter {
    pub(super) program: Vec<sock_filter>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub(super) flags: libc::c_ulong,
    /// Names in the rules that have no number in any ABI of this machine, and were skipped.
    pub unknown: Vec<String>,
}

/// Why rules cannot be made into a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something that only an agent beside the container can answer.
    #[error("the action SCMP_ACT_NOTIFY asks a process outside, and there is none")]
    Notify,
    /// A flag that goes with the above.
    #[error("the flag SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV belongs to SCMP_ACT_NOTIFY, which asks a process outside")]
    Flag,
    /// No such argument.
    #[error("a system call has the arguments 0 to 5, and a rule looks at argument {0}")]
    Argument(usize),
    /// The kernel takes `BPF_MAXINSNS` instructions.
    #[error("the rules need {0} instructions, and the kernel takes 4096")]
    TooLong(usize),
}

/// linux/bpf_common.h.
const MAX_INSTRUCTIONS: usize = 4096;
/// `seccomp_data.nr` and `.arch`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

const FLAG_LOG: libc::c_ulong = 1 << 1;
/// Without it the kernel turns a protection against Spectre v4 on that costs speed (Linux 4.17); since 5.16 it does not
/// any more, and runc has asked for it since 1.2.
const FLAG_SPEC_ALLOW: libc::c_ulong = 1 << 2;

impl Filter {
    /// How many instructions.
    pub fn instructions(&self) -> usize {
        self.program.len()
    }

    /// The names that were skipped, for people; nothing where there are none.
    pub fn skipped(&self) -> Option<String> {
        (!self.unknown.is_empty()).then(|| self.unknown.join(", "))
    }

    pub(super) fn flags_text(&self) -> String {
        let names = [(FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"), (FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW")];
        crate::kernel::call::flags(self.flags, &names, "0")
    }
}

/// The range of numbers that begins here, up to the next.
struct Range<'a> {
    from: u32,
    verdict: Verdict<'a>,
}

enum Verdict<'a> {
    /// Whatever the arguments are.
    Always(u32),
    /// The first rule whose conditions hold, else the default.
    Depends(Vec<&'a LinuxSyscall>, Abi),
}

/// Makes the program.
///
/// # Errors
/// All of [`FilterError`].
pub fn compile(rules: &LinuxSeccomp) -> Result<Filter, FilterError> {
    let flags = flags(rules)?;
    let default = value(rules.default_action(), rules.default_errno_ret())?;
    let abis = abis(rules);
    let (calls, unknown) = look_up(rules, &abis);
    let mut program = vec![load(ARCHITECTURE)];
    for (index, abi) in abis.iter().enumerate() {
        // x32 shares the architecture, and therefore the section, of x86_64.
        if abis[..index].iter().any(|earlier| earlier.audit() == abi.audit()) {
            continue;
        }
        let mut ranges = Vec::new();
        for part in abis.iter().filter(|part| part.audit() == abi.audit()) {
            ranges.extend(ranges_of(*part, &calls, default, may_patch(rules))?);
        }
        if *abi == Abi::X86_64 && !abis.contains(&Abi::X32) {
            ranges.push(Range { from: X32_BIT, verdict: Verdict::Always(libc::SECCOMP_RET_KILL_THREAD) });
        }
        let mut section = Vec::with_capacity(3 * ranges.len());
        search(&ranges, default, &mut section)?;
        program.push(compare(libc::BPF_JEQ, abi.audit(), 1, 0));
        program.push(jump(section.len() as u32 + 1));
        program.push(load(NUMBER));
        program.extend(section.into_iter().rev());
    }
    program.push(answer(libc::SECCOMP_RET_KILL_THREAD));
    if program.len() > MAX_INSTRUCTIONS {
        return Err(FilterError::TooLong(program.len()));
    }
    Ok(Filter { program, flags, unknown })
}

fn flags(rules: &LinuxSeccomp) -> Result<libc::c_ulong, FilterError> {
    let Some(wanted) = rules.flags() else { return Ok(FLAG_SPEC_ALLOW) };
    wanted.iter().try_fold(0, |flags, flag| match flag {
        Flag::SeccompFilterFlagLog => Ok(flags | FLAG_LOG),
        Flag::SeccompFilterFlagSpecAllow => Ok(flags | FLAG_SPEC_ALLOW),
        // About other threads of this process: there are none.
        Flag::SeccompFilterFlagTsync => Ok(flags),
        Flag::SeccompFilterFlagWaitKillableRecv => Err(FilterError::Flag),
    })
}

/// The ABIs of the list that this machine can have; its own one always.
fn abis(rules: &LinuxSeccomp) -> Vec<Abi> {
    let mut abis = vec![Abi::NATIVE];
    for abi in rules.architectures().iter().flatten().filter_map(|arch| Abi::of(*arch)) {
        if !abis.contains(&abi) {
            abis.push(abi);
        }
    }
    // x32 is a part of the section that x86_64 begins.
    abis.sort_by_key(|abi| *abi == Abi::X32);
    abis
}

/// Each name of each rule with what the table says of it.
fn look_up<'a>(rules: &'a LinuxSeccomp, abis: &[Abi]) -> (Vec<(Call, &'a LinuxSyscall)>, Vec<String>) {
    let (mut calls, mut unknown) = (Vec::new(), Vec::new());
    for rule in rules.syscalls().iter().flatten() {
        for name in rule.names() {
            match Call::find(name) {
                Some(call) if abis.iter().any(|abi| call.number(*abi).is_some()) => calls.push((call, rule)),
                _ if unknown.contains(name) => {}
                _ => unknown.push(name.clone()),
            }
        }
    }
    (calls, unknown)
}

/// What the kernel is to do, as it wants to be told (linux/seccomp.h).
fn value(action: Action, errno: Option<u32>) -> Result<u32, FilterError> {
    // The low 16 bits are for the errno, or for a tracer.
    let data = errno.unwrap_or(libc::EPERM as u32) & libc::SECCOMP_RET_DATA;
    Ok(match action {
        Action::ScmpActKill | Action::ScmpActKillThread => libc::SECCOMP_RET_KILL_THREAD,
        Action::ScmpActKillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        Action::ScmpActTrap => libc::SECCOMP_RET_TRAP,
        Action::ScmpActErrno => libc::SECCOMP_RET_ERRNO | data,
        Action::ScmpActTrace => libc::SECCOMP_RET_TRACE | data,
        Action::ScmpActLog => libc::SECCOMP_RET_LOG,
        Action::ScmpActAllow => libc::SECCOMP_RET_ALLOW,
        Action::ScmpActNotify => return Err(FilterError::Notify),
    })
}

/// Whether numbers above the highest known one get ENOSYS: not where the default lets them reach the kernel, which says
/// so itself (runc `patchbpf.generatePatch`).
fn may_patch(rules: &LinuxSeccomp) -> bool {
    !matches!(rules.default_action(), Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace)
}

fn ranges_of<'a>(
    abi: Abi,
    calls: &[(Call, &'a LinuxSyscall)],
    default: u32,
    patch: bool,
) -> Result<Vec<Range<'a>>, FilterError> {
    let mut numbered: Vec<(u32, &LinuxSyscall)> =
        calls.iter().filter_map(|(call, rule)| Some((call.number(abi)?, *rule))).collect();
    // A stable sort: of two rules for one call the earlier stays the first.
    numbered.sort_by_key(|(number, _)| *number);
    let first = if abi == Abi::X32 { X32_BIT } else { 0 };
    let mut ranges = vec![Range { from: first, verdict: Verdict::Always(default) }];
    for same in numbered.chunk_by(|one, other| one.0 == other.0) {
        let number = same[0].0;
        push(&mut ranges, number, verdict(same, abi, default)?);
        push(&mut ranges, number + 1, Verdict::Always(default));
    }
    if let (Some((highest, _)), true) = (numbered.last(), patch) {
        let no_such_call = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
        push(&mut ranges, highest + 1, Verdict::Always(no_such_call));
    }
    Ok(ranges)
}

/// Adds a range: an empty one before it goes, and one that says the same is the same.
fn push<'a>(ranges: &mut Vec<Range<'a>>, from: u32, verdict: Verdict<'a>) {
    ranges.pop_if(|last| last.from == from);
    match (ranges.last().map(|last| &last.verdict), &verdict) {
        (Some(Verdict::Always(before)), Verdict::Always(now)) if before == now => {}
        _ => ranges.push(Range { from, verdict }),
    }
}

/// What becomes of one call. A rule without conditions is stronger than those with (libseccomp, `db.c`); a rule that
/// says what is done anyway is none (runc, `matchCall`).
fn verdict<'a>(rules: &[(u32, &'a LinuxSyscall)], abi: Abi, default: u32) -> Result<Verdict<'a>, FilterError> {
    let mut conditional = Vec::new();
    let mut always = None;
    for (_, rule) in rules {
        let value = value(rule.action(), rule.errno_ret())?;
        if value == default {
            continue;
        }
        if conditions(rule).is_empty() {
            always = always.or(Some(value));
        } else {
            conditional.push(*rule);
        }
    }
    Ok(match always {
        Some(value) => Verdict::Always(value),
        None if conditional.is_empty() => Verdict::Always(default),
        None => Verdict::Depends(conditional, abi),
    })
}

fn conditions(rule: &LinuxSyscall) -> &[LinuxSeccompArg] {
    rule.args().as_deref().unwrap_or_default()
}

/// How far an answer may be from where it is wanted: a conditional jump goes 255 instructions far, and a plain one may
/// still come between.
const NEAR: usize = 250;

/// The decision tree: the middle first, then the half that is left. Each end of it is one answer. Written from its last
/// instruction to its first: what is jumped over is there already, and its length is known. Says where it begins, counted
/// from the end.
fn search(ranges: &[Range<'_>], default: u32, backwards: &mut Vec<sock_filter>) -> Result<usize, FilterError> {
    match ranges {
        [] => return Ok(shared(default, backwards)),
        [Range { verdict: Verdict::Always(value), .. }] => return Ok(shared(*value, backwards)),
        [only] => backwards.extend(end(&only.verdict, default)?.into_iter().rev()),
        _ => {
            let (lower, upper) = ranges.split_at(ranges.len() / 2);
            let above = search(upper, default, backwards)?;
            let below = search(lower, default, backwards)?;
            let over = |backwards: &[sock_filter], to: usize| backwards.len() - 1 - to;
            // A conditional jump goes 255 instructions far; a plain one, any distance.
            let near = u8::try_from(over(backwards, above));
            if near.is_err() {
                backwards.push(jump(over(backwards, above) as u32));
            }
            let other = over(backwards, below) as u8;
            backwards.push(compare(libc::BPF_JGE, upper[0].from, near.unwrap_or(0), other));
        }
    }
    Ok(backwards.len() - 1)
}

/// An answer that is near already, or one more: most ends say one of two things, "allowed" or the default.
fn shared(value: u32, backwards: &mut Vec<sock_filter>) -> usize {
    let same = |one: &sock_filter| *one == answer(value);
    let near = backwards.len().saturating_sub(NEAR);
    if let Some(place) = backwards[near..].iter().rposition(same) {
        return near + place;
    }
    backwards.push(answer(value));
    backwards.len() - 1
}

fn end(verdict: &Verdict<'_>, default: u32) -> Result<Vec<sock_filter>, FilterError> {
    let (rules, abi) = match verdict {
        Verdict::Always(value) => return Ok(vec![answer(*value)]),
        Verdict::Depends(rules, abi) => (rules, *abi),
    };
    let mut program = Vec::new();
    for one in rules {
        let (value, all) = (value(one.action(), one.errno_ret())?, conditions(one));
        let repeated =
            |(index, arg): (usize, &LinuxSeccompArg)| all[..index].iter().any(|one| one.index() == arg.index());
        if all.iter().enumerate().any(repeated) {
            // All must hold, but two about the same argument are alternatives: runc has it so since before the
            // specification did (`matchCall`, "revert to old behavior").
            for alternative in all {
                program.extend(rule(std::slice::from_ref(alternative), abi.is_wide(), value)?);
            }
        } else {
            program.extend(rule(all, abi.is_wide(), value)?);
        }
    }
    program.push(answer(default));
    Ok(program)
}
