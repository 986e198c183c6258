//! A comparison of two places that never change, as text of three widths and as JSON.

use explore::cli::compare::{Style, render};
use explore::kernel::namespace::{Identity, Kind};
use explore::kernel::netlink::{Interface, InterfaceAddress};
use explore::probe::{
    CgroupMembership, Comparison, Fact, Facts, IdMap, Ids, Mount, Privileges, Process, Processes, Uname, compare,
};

fn process(numbers: &[i32], level: usize, parent: i32, command: &str) -> Process {
    Process {
        pid: numbers[level],
        parent,
        pids: numbers.to_vec(),
        user: "root".into(),
        state: "Ss".into(),
        start: 100,
        tty: None,
        used: 0,
        command: command.into(),
    }
}

fn interface(index: u32, name: &str, flags: u32, address: &str) -> Interface {
    Interface {
        index,
        name: name.into(),
        layer: if name == "lo" { 772 } else { 1 },
        flags,
        mtu: 1500,
        qdisc: "noqueue".into(),
        state: "UP".into(),
        queue: 1000,
        address: vec![2, 66, 172, 17, 0, 2],
        broadcast: vec![255; 6],
        addresses: vec![InterfaceAddress {
            local: address.parse().unwrap(),
            peer: None,
            prefix: 24,
            broadcast: None,
            scope: 0,
            flags: 0x80,
            label: Some(name.into()),
            valid: u32::MAX,
            preferred: u32::MAX,
        }],
        ..Interface::default()
    }
}

/// A place whose own namespaces are `own`.
fn facts(pid: i32, host: &str, own: &[Kind], seen: Vec<Process>, links: Vec<Interface>) -> Facts {
    let identity =
        |kind: Kind| Identity { device: 4, inode: 100 + kind as u64 + if own.contains(&kind) { 100 } else { 0 } };
    Facts {
        pid,
        start: Fact::Known(100),
        command: Fact::Known("sh".into()),
        namespaces: Kind::ALL.into_iter().map(|kind| (kind, Fact::Known(identity(kind)))).collect(),
        uname: Fact::Known(Uname {
            sysname: "Linux".into(),
            nodename: host.into(),
            release: "6.1.0-13-amd64".into(),
            version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1 (2023-09-29)".into(),
            machine: "x86_64".into(),
            domainname: "(none)".into(),
        }),
        processes: Fact::Known(Processes { list: seen, undetermined: 0 }),
        links: Fact::Known(links),
        root: Fact::Known("/".into()),
        mounts: Fact::Known(vec![Mount {
            target: "/".into(),
            fstype: if own.contains(&Kind::Mnt) { "overlay" } else { "ext4" }.into(),
            source: "disk".into(),
            device: "0:1".into(),
            root: "/".into(),
        }]),
        ids: Fact::Known(Ids {
            uid: [0; 4],
            gid: [0; 4],
            groups: vec![],
            uid_map: vec![IdMap { inside: 0, outside: 0, length: u32::MAX }],
            gid_map: vec![IdMap { inside: 0, outside: 0, length: u32::MAX }],
            setgroups: "allow".into(),
        }),
        cgroups: Fact::Known(vec![CgroupMembership { controllers: vec![], path: "/".into() }]),
        privileges: Fact::Known(Privileges {
            effective: 0x1ff,
            permitted: 0x1ff,
            bounding: None,
            ambient: None,
            no_new_privileges: Some(false),
            seccomp: Some(0),
        }),
    }
}

fn example() -> Comparison {
    let outside = vec![
        process(&[1], 0, 0, "/sbin/init"),
        process(&[2], 0, 0, "[kthreadd]"),
        process(&[4700], 0, 1, "explore compare box"),
        process(&[4711, 1], 0, 1, "sh"),
        process(&[4712, 2], 0, 4711, "echo 一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十"),
    ];
    let inside = vec![process(&[4711, 1], 1, 0, "sh"), process(&[4712, 2], 1, 1, "echo 一二三四五六七八九十")];
    let there = facts(
        4700,
        "learner",
        &[],
        outside,
        vec![interface(1, "lo", 0x1_0049, "127.0.0.1"), interface(2, "eth0", 0x1_1043, "192.0.2.2")],
    );
    let here = facts(
        4711,
        "3f4e0d8c2b1a",
        &[Kind::Pid, Kind::Uts, Kind::Net, Kind::User],
        inside,
        vec![interface(1, "lo", 0x8, "127.0.0.1")],
    );
    compare(&there, &here, &[Kind::Pid, Kind::Uts, Kind::Net], &[Kind::Mnt])
}

const PLAIN: Style<'_> = Style { unicode: true, colour: false, all: false, linear: false, catalog: None };

#[test]
fn two_places_below_each_other_in_40_columns() {
    insta::assert_snapshot!(render(&example(), 40, PLAIN));
}

#[test]
fn two_places_below_each_other_in_80_columns() {
    insta::assert_snapshot!(render(&example(), 80, PLAIN));
}

#[test]
fn two_places_beside_each_other_in_200_columns() {
    insta::assert_snapshot!(render(&example(), 200, PLAIN));
}

#[test]
fn ascii_is_enough() {
    let text = render(&example(), 100, Style { unicode: false, all: true, ..PLAIN });
    let odd: String = text
        .replace(|one: char| "一二三四五六七八九十".contains(one), "")
        .chars()
        .filter(|one| !one.is_ascii())
        .collect();
    assert_eq!(odd, "");
    insta::assert_snapshot!(text);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 40..=200 {
        for line in render(&example(), width, Style { all: true, ..PLAIN }).lines() {
            let used = unicode_width::UnicodeWidthStr::width(line);
            assert!(used <= width, "{used} in {width} columns: {line}");
        }
    }
}

#[test]
fn one_who_hears_it_gets_whole_lines_and_no_signs() {
    let text = render(&example(), 80, Style { linear: true, ..PLAIN });
    assert!(!text.contains(['≠', '↔', '│', '=']), "{text}");
    assert!(text.contains("\ndiffers: net; outside "), "{text}");
    assert!(text.lines().all(|line| line.trim() == line), "{text}");
    assert!(text.contains("\nhidden: eth0; outside 2: eth0: <"), "{text}");
    assert!(text.contains("not as expected: user must be the same"), "{text}");
}

#[test]
fn the_shape_of_the_data_is_agreed() {
    insta::assert_json_snapshot!(example());
}

#[test]
fn what_was_expected_and_is_not_so_is_said() {
    let comparison = example();
    assert_eq!(comparison.as_expected(), Some(false));
    let text = render(&comparison, 80, PLAIN);
    assert!(
        text.contains("not as expected: mnt must differ") && text.contains("not as expected: user must be the same"),
        "{text}"
    );
}

#[test]
fn an_unknown_side_is_never_the_same() {
    let comparison = example();
    let known = facts(4700, "learner", &[], vec![], vec![]);
    let mut unknown = known.clone();
    unknown.namespaces.values_mut().for_each(|one| *one = Fact::Unknown("gone".into()));
    unknown.uname = Fact::Unknown("gone".into());
    unknown.links = Fact::Denied("no".into());
    unknown.processes = Fact::Unknown("gone".into());
    unknown.ids = Fact::Unknown("gone".into());
    for (outside, inside) in [(&known, &unknown), (&unknown, &known), (&unknown, &unknown)] {
        let compared = serde_json::to_value(compare(outside, inside, &[Kind::Pid], &[])).unwrap();
        for section in ["namespaces", "uname", "processes", "links"] {
            assert_ne!(compared[section]["verdict"], "same", "{section}");
            assert_ne!(compared[section]["verdict"], "differs", "{section}");
        }
    }
    assert_eq!(comparison.schema, explore::probe::SCHEMA);
}
