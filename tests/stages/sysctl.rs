//! Settings that the container's namespaces have for themselves.

use super::containers::{learner, learners, shell};
use std::fs::read_to_string;

#[test]
fn a_port_below_1024_and_the_socket_of_ping_need_no_privilege_inside_as_with_docker() {
    for learner in learners() {
        let files = ["net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range"];
        let before = files.map(|name| read_to_string(format!("/proc/sys/{name}")).unwrap());
        let script = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start";
        shell(&learner, &["--network", "none"], script).run().status(0).stdout("0\n").stderr("");
        let after = files.map(|name| read_to_string(format!("/proc/sys/{name}")).unwrap());
        assert_eq!(before, after, "the host's are another network namespace's");
    }
    let range = shell(&learner(), &["--network", "none"], "cat /proc/sys/net/ipv4/ping_group_range").run();
    assert_eq!(range.out.split_whitespace().collect::<Vec<_>>(), ["0", "2147483647"]);
}

#[test]
fn a_setting_is_written_inside_and_the_whole_machines_are_refused_by_name() {
    for learner in learners() {
        let flags = ["--network", "none", "--sysctl", "net.core.somaxconn=99", "--sysctl", "kernel.shmmax=4096"];
        let script = "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax";
        shell(&learner, &flags, script).run().status(0).stdout("99\n4096\n").stderr("");
        let create = |setting| learner.explore(["create", "--sysctl", setting, "demo"]).run();
        create("kernel.panic=1").status(1).stdout("").stderr_has("would change the whole machine").stderr_has("hint: ");
        create("net.core.somaxconn").status(1).stdout("").stderr_has("NAME=VALUE");
        shell(&learner, &["--sysctl", "net.core.somaxconn=many"], "true")
            .run()
            .fails(125, "cannot set net.core.somaxconn to \"many\"");
        learner.explore(["ps", "-aq"]).run().status(0).stdout("");
    }
}

#[test]
fn the_list_of_mounts_is_found_by_its_old_name_and_does_not_count_as_written() {
    for learner in learners() {
        shell(&learner, &[], "test \"$(readlink /etc/mtab)\" = /proc/mounts && grep -c ' / overlay ' /etc/mtab")
            .run()
            .status(0)
            .stdout("1\n");
    }
}
