//! Without root: pasta(1) or slirp4netns(1) speaks for the containers, with the real programs. Their world is one more
//! network namespace: nothing leaves this machine.

mod doors;

use crate::support::{HostState, Learner, eventually, has_program, is_root, require};
use explore::kernel::netns;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const NEEDS: &str = "needs root to make an ordinary user, pasta(1) (Debian: passt) and slirp4netns(1)";
const PROGRAMS: [&str; 2] = ["pasta", "slirp4netns"];

fn all_there() -> bool {
    is_root() && PROGRAMS.into_iter().all(has_program)
}

/// What a client is told is how it looks from there.
fn serve(listener: TcpListener) {
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let from = client.peer_addr().unwrap().ip();
            let _ = writeln!(client, "hello {from}");
        }
    });
}

fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
}

/// The device by which both programs get packets is everybody's where udev runs (systemd, 50-udev-default.rules), and
/// root's alone where it does not: the machine of a test is of the usual kind.
fn give_everybody_tun(node: &Path) {
    mknod(node, SFlag::S_IFCHR, Mode::empty(), makedev(10, 200)).unwrap();
    std::fs::set_permissions(node, PermissionsExt::from_mode(0o666)).unwrap();
    let nothing = None::<&Path>;
    mount(Some(node), "/dev/net/tun", nothing, MsFlags::MS_BIND, nothing).unwrap();
}

/// An ordinary user on a machine with a cable to 198.51.100.1, where somebody listens; one more listens on its loopback.
fn learner() -> Learner {
    learner_and_far().0
}

/// With the network namespace on the other end of the cable.
fn learner_and_far() -> (Learner, OwnedFd) {
    let learner = Learner::user();
    let beyond = netns::create("the other end of the cable").unwrap();
    let far = learner.at_machine(|| {
        setns(&beyond, CloneFlags::CLONE_NEWNET).unwrap();
        // By its number in the machine, whose PID 1 it is.
        ip("link add far0 type veth peer name up0 netns 1");
        ip("address add 198.51.100.1/24 dev far0");
        ip("link set far0 up");
        TcpListener::bind((Ipv4Addr::new(198, 51, 100, 1), 80)).unwrap()
    });
    let tun = learner.everything().join("tun");
    let near = learner.at_machine(|| {
        give_everybody_tun(&tun);
        ip("link set lo up");
        ip("address add 198.51.100.2/24 dev up0");
        // Without an address of its own drawing: IPv6 tries it for a second, and the machine would not be at rest.
        ip("link set up0 addrgenmode none");
        ip("link set up0 up");
        ip("route add default via 198.51.100.1");
        TcpListener::bind((Ipv4Addr::LOCALHOST, 81)).unwrap()
    });
    serve(far);
    serve(near);
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    (learner, beyond)
}

/// A PATH with this program only.
fn only(learner: &Learner, program: &str) -> String {
    let folder = learner.everything().join(format!("only-{program}"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink(format!("/usr/bin/{program}"), folder.join(program)).unwrap();
    folder.to_str().unwrap().to_owned()
}

fn ask(address: &str) -> String {
    format!("exec 3<>/dev/tcp/{address} && cat <&3")
}

/// How many processes of the machine have that program.
fn count(learner: &Learner, program: &str) -> usize {
    let is_it = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).next().is_some_and(|word| word.ends_with(program.as_bytes()))
    };
    learner.processes().iter().filter(|pid| is_it(pid)).count()
}

#[test]
fn a_container_reaches_the_world_and_not_this_machines_loopback() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    for program in PROGRAMS {
        let path = only(&learner, program);
        let run = |script: &str| {
            let script = format!("timeout 5 bash -c '{script}'");
            learner.explore(["run", "--rm", "demo", "bash", "-c", &script]).env("PATH", &path).run()
        };
        run(&ask("198.51.100.1/80")).status(0).stdout("hello 198.51.100.2\n");
        // The gateway as either of them has it, and the machine's own address.
        for address in ["198.51.100.1/81", "10.0.2.2/81", "198.51.100.2/81"] {
            let output = run(&ask(address));
            assert!(output.code != 0 && !output.out.contains("hello"), "{program}: {}", output.shown());
        }
        eventually("all processes have ended", || learner.processes().is_empty());
    }
    learner.explore(["clean"]).run().status(0).stdout("Nothing was left behind.\n");
}

/// The same programs, told nothing of the loopback: what the test above would find if nobody had told them.
#[test]
fn without_those_flags_this_machines_loopback_is_reached() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let programs = [
        ("pasta -f -q --config-net -t none -u none -T none -U none --userns $U --netns $N", "198.51.100.1/81"),
        ("slirp4netns --configure --netns-type=path --userns-path $U $N tap0", "10.0.2.2/81"),
    ];
    for (program, address) in programs {
        let script = format!(
            "exec 4< <(unshare -Urn sh -c 'echo $$; exec sleep 60'); read -r place <&4
             U=/proc/$place/ns/user N=/proc/$place/ns/net; {program} >/dev/null 2>&1 & speaker=$!
             for try in 1 2 3 4 5 6 7 8 9 10; do
                 nsenter -t $place -U --preserve-credentials -n bash -c 'exec 3<>/dev/tcp/{address} && cat <&3' && break
                 sleep 0.3
             done 2>/dev/null; kill $speaker $place"
        );
        learner.program("bash", ["-c", &script]).run().stdout_has("hello 127.0.0.1");
    }
}

#[test]
fn one_speaks_for_all_containers_and_ends_with_the_last() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    for program in PROGRAMS {
        let path = only(&learner, program);
        let explore = |words: &[&str]| learner.explore(words).env("PATH", &path).run().status(0);
        explore(&["network", "create", "net"]);
        explore(&["run", "-d", "--name", "one", "demo", "sleep", "1000"]);
        explore(&["run", "-d", "--name", "two", "--network", "net", "demo", "sleep", "1000"]);
        assert_eq!(count(&learner, program), 1, "{program}");
        for name in ["one", "two"] {
            explore(&["exec", name, "bash", "-c", &ask("198.51.100.1/80")]).stdout("hello 198.51.100.2\n");
        }
        explore(&["rm", "-f", "one"]);
        assert_eq!(count(&learner, program), 1, "{program}");
        explore(&["rm", "-f", "two"]);
        explore(&["network", "rm", "net"]);
        eventually("all processes have ended", || learner.processes().is_empty());
    }
}

#[test]
fn it_goes_after_a_kill_of_the_keeper_with_the_next_command() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let before = HostState::of(&learner);
    for program in PROGRAMS {
        let path = only(&learner, program);
        let explore = |words: &[&str]| learner.explore(words).env("PATH", &path).run().status(0);
        explore(&["run", "-d", "--name", "box", "demo", "sleep", "1000"]);
        assert_eq!(count(&learner, program), 1);
        let record = std::fs::read(learner.state().join("run/keeper.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        learner.program("kill", ["-KILL", &record["process"]["pid"].to_string()]).run().status(0);
        explore(&["rm", "-f", "box"]);
        explore(&["clean"]);
        eventually("all processes have ended", || learner.processes().is_empty());
    }
    before.assert_unchanged();
}

#[test]
fn nobody_is_asked_to_speak_where_that_is_not_wanted_or_nothing_could_be_said() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let speaks = |learner: &Learner, word: &str| {
        let run = ["run", "-d", "--name", "box", "demo", "sleep", "1000"];
        learner.explore(run).env("EXPLORE_WAY_OUT", word).run().status(0);
        let count = PROGRAMS.iter().map(|program| count(learner, program)).sum::<usize>();
        let out = learner.explore(["exec", "box", "bash", "-c", &ask("198.51.100.1/80")]).run();
        learner.explore(["rm", "-f", "box"]).run().status(0);
        (count, out.code == 0)
    };
    assert_eq!(speaks(&learner, ""), (1, true));
    assert_eq!(speaks(&learner, "none"), (0, false));
    learner.at_machine(|| ip("route del default"));
    assert_eq!(speaks(&learner, ""), (0, false));
}
