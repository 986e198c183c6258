//! The program is run here by [`super::evaluate`], for every ABI, and compared with the rules read plainly.
//! What the kernel makes of it is in `tests/stages/seccomp.rs`.

use super::numbers::{Abi, Call, X32_BIT};
use super::*;
use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompOperator as Operator};
use serde_json::json;

const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_THREAD;

fn run(program: &[libc::sock_filter], audit: u32, number: u32, args: [u64; 6]) -> u32 {
    super::evaluate::run(program, audit, number, args).unwrap()
}

/// Docker's profile in a container that has these capabilities besides none.
fn docker(capabilities: &[&str]) -> LinuxSeccomp {
    let capabilities: Vec<String> = capabilities.iter().map(|one| (*one).to_owned()).collect();
    Profile::docker().unwrap().resolve(Place { capabilities: &capabilities, kernel: (6, 1) }).unwrap().unwrap()
}

fn asked(filter: &Filter, abi: Abi, name: &str, args: [u64; 6]) -> u32 {
    run(&filter.program, abi.audit(), Call::find(name).unwrap().number(abi).unwrap(), args)
}

fn first(value: u64) -> [u64; 6] {
    [value, 0, 0, 0, 0, 0]
}

#[test]
fn every_name_of_dockers_profile_is_answered_as_its_rules_say_in_every_abi() {
    let rules = docker(&["CAP_SYS_CHROOT"]);
    let filter = compile(&rules).unwrap();
    let family =
        if Abi::NATIVE == Abi::X86_64 { &[Abi::X86_64, Abi::X86, Abi::X32][..] } else { &[Abi::Aarch64, Abi::Arm] };
    for abi in family {
        let (mut allowed, mut highest) = (0, 0);
        for line in include_str!("numbers.txt").lines() {
            let name = line.split(' ').next().unwrap();
            let Some(number) = Call::find(name).unwrap().number(*abi) else { continue };
            let of_name: Vec<_> =
                rules.syscalls().iter().flatten().filter(|rule| rule.names().iter().any(|one| one == name)).collect();
            if of_name.is_empty() {
                continue;
            }
            highest = highest.max(number);
            if of_name.iter().any(|rule| rule.args().is_none()) {
                let expected = if name == "clone3" { ENOSYS } else { ALLOW };
                assert_eq!(asked(&filter, *abi, name, [7; 6]), expected, "{name} of {abi:?}");
                allowed += 1;
            }
        }
        assert!(allowed > 250, "{abi:?}");
        for name in ["mount", "init_module", "kexec_load", "add_key", "keyctl", "bpf", "userfaultfd", "io_uring_setup"]
        {
            if let Some(number) = Call::find(name).unwrap().number(*abi) {
                assert_eq!(run(&filter.program, abi.audit(), number, [0; 6]), EPERM, "{name} of {abi:?}");
            }
        }
        for above in [highest + 1, highest + 1000, if *abi == Abi::X86_64 { X32_BIT - 1 } else { u32::MAX }] {
            assert_eq!(run(&filter.program, abi.audit(), above, [0; 6]), ENOSYS, "{above} of {abi:?}");
        }
    }
    assert_eq!(run(&filter.program, 0x8000_0016, 1, [0; 6]), KILL, "an architecture that is not listed");
    assert!(filter.instructions() < 500, "{}", filter.instructions());
    // recv(2) and send(2) are calls of their own on 32-bit ARM only.
    let unknown = if Abi::NATIVE == Abi::X86_64 { &["recv", "riscv_hwprobe", "send"][..] } else { &["riscv_hwprobe"] };
    assert_eq!(filter.unknown, unknown);
}

#[test]
fn arguments_decide_where_the_profile_says_so() {
    let filter = compile(&docker(&[])).unwrap();
    let native = |name: &str, args| asked(&filter, Abi::NATIVE, name, args);
    for (family, answer) in
        [(1, ALLOW), (37, ALLOW), (38, EPERM), (39, ALLOW), (40, EPERM), (41, ALLOW), (1 << 40, ALLOW)]
    {
        assert_eq!(native("socket", first(family)), answer, "socket({family})");
    }
    for (value, answer) in
        [(0, ALLOW), (8, ALLOW), (0x20008, ALLOW), (0xffff_ffff, ALLOW), (u64::MAX, EPERM), (1, EPERM)]
    {
        assert_eq!(native("personality", first(value)), answer, "personality({value:#x})");
    }
    let new_user: u64 = 0x1000_0000;
    for (flags, answer) in
        [(0x11, ALLOW), (new_user, EPERM), (new_user | 0x11, EPERM), (0x80, ALLOW), (0x80 | 1 << 32, ALLOW)]
    {
        assert_eq!(native("clone", first(flags)), answer, "clone({flags:#x})");
    }
    assert_eq!(native("clone", [0, new_user, 0, 0, 0, 0]), ALLOW, "only s390 has the flags second");
}

#[test]
fn rules_follow_capabilities_and_the_kernel() {
    let admin = compile(&docker(&["CAP_SYS_ADMIN"])).unwrap();
    for name in ["mount", "clone3", "unshare", "setns", "bpf"] {
        assert_eq!(asked(&admin, Abi::NATIVE, name, [u64::MAX; 6]), ALLOW, "{name}");
    }
    assert_eq!(asked(&admin, Abi::NATIVE, "clone", first(0x1000_0000)), ALLOW);
    assert_eq!(asked(&admin, Abi::NATIVE, "init_module", [0; 6]), EPERM);
    let module = compile(&docker(&["CAP_SYS_MODULE", "CAP_SYS_TIME"])).unwrap();
    for (name, answer) in [("init_module", ALLOW), ("clock_settime", ALLOW), ("mount", EPERM), ("clone3", ENOSYS)] {
        assert_eq!(asked(&module, Abi::NATIVE, name, [0; 6]), answer, "{name}");
    }
    let old = Profile::docker().unwrap().resolve(Place { capabilities: &[], kernel: (4, 7) }).unwrap().unwrap();
    assert_eq!(
        asked(&compile(&old).unwrap(), Abi::NATIVE, "ptrace", [0; 6]),
        EPERM,
        "before 4.8 it leads around a filter"
    );
}

/// Numbers that differ in the low half, in the high half, in both, and around every edge.
const VALUES: [u64; 13] = [
    0,
    1,
    5,
    6,
    7,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0005,
    0x1_0000_0006,
    0x1_0000_0007,
    0x2_0000_0000,
    0xffff_fffe_ffff_ffff,
    u64::MAX,
];

#[test]
fn every_comparison_looks_at_all_64_bits() {
    let operators = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
    for (operator, value, given) in
        operators.iter().flat_map(|one| VALUES.iter().flat_map(move |two| VALUES.map(|three| (one, *two, three))))
    {
        let masked = value & 0x1_0000_0005;
        let holds = match *operator {
            "NE" => given != value,
            "LT" => given < value,
            "LE" => given <= value,
            "EQ" => given == value,
            "GE" => given >= value,
            "GT" => given > value,
            _ => given & value == masked,
        };
        let rules: LinuxSeccomp = serde_json::from_value(json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [{ "names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [
                { "index": 5, "value": value, "valueTwo": masked, "op": format!("SCMP_CMP_{operator}") },
                { "index": 0, "value": 1, "op": "SCMP_CMP_EQ" },
            ]}],
        }))
        .unwrap();
        let filter = compile(&rules).unwrap();
        let answer = |one| asked(&filter, Abi::NATIVE, "dup", [one, 0, 0, 0, 0, given]);
        assert_eq!(answer(1), if holds { ALLOW } else { EPERM }, "{given:#x} {operator} {value:#x}");
        assert_eq!(answer(2), EPERM, "both conditions must hold");
    }
    assert_eq!(Operator::ScmpCmpMaskedEq as u32, 7);
}

fn custom(profile: &serde_json::Value) -> std::result::Result<Filter, ProfileError> {
    let place = Place { capabilities: &[], kernel: (6, 1) };
    let resolved = Profile::parse(&profile.to_string())?.resolve(place)?;
    Ok(compile(&resolved.expect("it has a default")).unwrap())
}

#[test]
fn a_rule_without_conditions_is_stronger_and_conditions_on_one_argument_are_alternatives() {
    let condition = |value: u64| json!({ "index": 0, "value": value, "op": "SCMP_CMP_EQ" });
    let filter = custom(&json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            { "names": ["dup"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [condition(1)] },
            { "names": ["dup", "dup3"], "action": "SCMP_ACT_KILL_PROCESS" },
            { "names": ["close"], "action": "SCMP_ACT_TRAP", "args": [condition(3), condition(4)] },
        ],
    }))
    .unwrap();
    let native = |name: &str, value| asked(&filter, Abi::NATIVE, name, first(value));
    assert_eq!(native("dup", 1), libc::SECCOMP_RET_KILL_PROCESS);
    assert_eq!(
        (native("close", 3), native("close", 4), native("close", 5)),
        (libc::SECCOMP_RET_TRAP, libc::SECCOMP_RET_TRAP, ALLOW)
    );
    let unknown = run(&filter.program, Abi::NATIVE.audit(), 4000, [0; 6]);
    assert_eq!(unknown, ALLOW, "a default that allows needs no ENOSYS: the kernel says it");
    if Abi::NATIVE == Abi::X86_64 {
        assert_eq!(run(&filter.program, Abi::X86_64.audit(), X32_BIT, [0; 6]), KILL, "x32 is not listed");
        assert_eq!(run(&filter.program, Abi::X86.audit(), 1, [0; 6]), KILL, "nor is 32-bit x86");
    }
}

#[test]
fn what_cannot_be_followed_is_named() {
    let rule = |more: serde_json::Value| json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [more] });
    for (profile, said) in [
        (json!({ "defaultAction": "SCMP_ACT_NOTIFY" }), "SCMP_ACT_NOTIFY asks a process outside"),
        (rule(json!({ "names": ["dup"], "action": "SCMP_ACT_NOTIFY" })), "SCMP_ACT_NOTIFY asks a process outside"),
        (rule(json!({ "names": ["dup"], "name": "dup", "action": "SCMP_ACT_ALLOW" })), "rule 0 has both"),
        (
            rule(json!({ "names": ["dup"], "action": "SCMP_ACT_ALLOW", "includes": { "minKernel": "new" } })),
            "rule 0 wants a kernel \"new\"",
        ),
        (
            rule(
                json!({ "names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 6, "value": 1, "op": "SCMP_CMP_EQ" }] }),
            ),
            "a rule looks at argument 6",
        ),
        (json!({ "syscalls": [{ "names": ["dup"], "action": "SCMP_ACT_ALLOW" }] }), "no 'defaultAction'"),
        (
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
                "archMap": [{ "architecture": "SCMP_ARCH_X86_64" }] }),
            "'architectures' and 'archMap' are both there",
        ),
    ] {
        let error = custom(&profile).map(|filter| filter.instructions()).unwrap_err().to_string();
        assert!(error.contains(said), "{profile}\n{error}");
    }
    let many: Vec<_> = (0..2000u64)
        .map(|value| json!({ "names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0, "value": value, "op": "SCMP_CMP_EQ" }] }))
        .collect();
    let error = custom(&json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": many })).map(drop).unwrap_err();
    assert!(error.to_string().contains("the kernel takes 4096"), "{error}");
    let place = Place { capabilities: &[], kernel: (6, 1) };
    assert!(
        Profile::parse("{}").unwrap().resolve(place).unwrap().is_none(),
        "an empty profile is none, as docker has it"
    );
    let wrong = Profile::parse("{\n \"defaultAction\": \"SCMP_ACT_PERMIT\"}").unwrap_err();
    assert!(std::error::Error::source(&wrong).unwrap().to_string().contains("line 2"), "{wrong}");
}
