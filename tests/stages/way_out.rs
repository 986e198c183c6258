//! Without root: pasta(1) or slirp4netns(1) speaks for the containers, with the real programs. Their world is one more
//! network namespace: nothing leaves this machine.

use crate::support::{HostState, Learner, eventually, has_program, is_root, require};
use explore::kernel::netns;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

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

/// What a caller hears who stands in that network namespace; the machine's own where there is none.
fn call(learner: &Learner, from: Option<&OwnedFd>, door: ([u8; 4], u16)) -> Option<String> {
    learner.at_machine(|| {
        if let Some(place) = from {
            setns(place, CloneFlags::CLONE_NEWNET).unwrap();
        }
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(door), Duration::from_secs(1)).ok()?;
        let mut told = String::new();
        stream.read_to_string(&mut told).ok()?;
        Some(told).filter(|told| told.starts_with("hello "))
    })
}

/// Listens in the network namespace of a container.
fn serve_inside(learner: &Learner, name: &str, port: u16) {
    let pid = learner.explore(["inspect", "-f", "{{.State.Pid}}", name]).run().status(0).out;
    serve(learner.at_machine(|| {
        let place = File::open(format!("/proc/{}/ns/net", pid.trim())).unwrap();
        setns(place, CloneFlags::CLONE_NEWNET).unwrap();
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap()
    }));
}

#[test]
fn a_published_port_is_there_for_this_machine_and_for_others() {
    require!("stages::way_out", all_there(), NEEDS);
    let (learner, far) = learner_and_far();
    let before = HostState::of(&learner);
    let (loopback, cable) = ([127, 0, 0, 1], [198, 51, 100, 2]);
    let flags = ["run", "-d", "--name", "box", "-p", "8080:80", "-p", "127.0.0.1:8081:80", "demo", "sleep", "1000"];
    let explore = |words: &[&str]| learner.explore(words).env("EXPLORE_WAY_OUT", "none").run();
    explore(&flags).status(0).stderr("");
    for _ in 0..2 {
        serve_inside(&learner, "box", 80);
        for port in [8080, 8081] {
            assert!(call(&learner, None, (loopback, port)).is_some(), "{port}");
        }
        assert!(call(&learner, Some(&far), (cable, 8080)).is_some());
        // What was published for this machine alone is for this machine alone.
        assert_eq!(call(&learner, Some(&far), (cable, 8081)), None);
        explore(&["port", "box"]).status(0).stdout("80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081\n");
        explore(&["restart", "-t", "0", "box"]).status(0).stderr("");
    }
    explore(&["rm", "-f", "box"]).status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    assert_eq!(call(&learner, None, (loopback, 8080)), None);
    before.assert_unchanged();
}

/// Answers datagrams in the network namespace of a container, with what came and who it seems to be from.
fn echo_inside(learner: &Learner, name: &str, port: u16) {
    let pid = learner.explore(["inspect", "-f", "{{.State.Pid}}", name]).run().status(0).out;
    let socket = learner.at_machine(|| {
        let place = File::open(format!("/proc/{}/ns/net", pid.trim())).unwrap();
        setns(place, CloneFlags::CLONE_NEWNET).unwrap();
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap()
    });
    std::thread::spawn(move || {
        let mut room = [0; 2000];
        while let Ok((length, from)) = socket.recv_from(&mut room) {
            let _ = socket.send_to(&room[..length], from);
        }
    });
}

#[test]
fn a_published_port_of_udp_is_there_for_this_machine_and_each_client_gets_his_own_answers() {
    require!("stages::way_out", all_there(), NEEDS);
    let (learner, far) = learner_and_far();
    let before = HostState::of(&learner);
    let explore = |words: &[&str]| learner.explore(words).env("EXPLORE_WAY_OUT", "none").run();
    explore(&["run", "-d", "--name", "box", "-p", "5353:53/udp", "demo", "sleep", "1000"]).status(0).stderr("");
    explore(&["port", "box"]).status(0).stdout("53/udp -> 0.0.0.0:5353\n");
    let client = |from: Option<&OwnedFd>, door: [u8; 4]| {
        learner.at_machine(|| {
            if let Some(place) = from {
                setns(place, CloneFlags::CLONE_NEWNET).unwrap();
            }
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            socket.connect(SocketAddr::from((door, 5353))).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            socket
        })
    };
    let clients = [client(None, [127, 0, 0, 1]), client(None, [127, 0, 0, 1]), client(Some(&far), [198, 51, 100, 2])];
    // Nobody listens yet: what is sent is lost, and the door stays.
    clients[0].send(b"early").unwrap();
    for round in 0..2 {
        echo_inside(&learner, "box", 53);
        for turn in 0..3 {
            let mut heard = vec![String::new(); clients.len()];
            eventually("all have their answers", || {
                for (number, one) in clients.iter().enumerate() {
                    let _ = one.send(format!("{round} {turn} {number}").as_bytes());
                }
                for (one, heard) in clients.iter().zip(&mut heard) {
                    let mut room = [0; 100];
                    if let Ok(length) = one.recv(&mut room) {
                        *heard = String::from_utf8_lossy(&room[..length]).into_owned();
                    }
                }
                heard.iter().all(|one| one.starts_with(&format!("{round} {turn} ")))
            });
            let expected: Vec<String> = (0..clients.len()).map(|number| format!("{round} {turn} {number}")).collect();
            assert_eq!(heard, expected);
        }
        explore(&["restart", "-t", "0", "box"]).status(0).stderr("");
    }
    explore(&["rm", "-f", "box"]).status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    before.assert_unchanged();
}

#[test]
fn a_port_that_cannot_be_had_out_here_is_named_and_no_container_is_made() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let busy = learner.at_machine(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8080)).unwrap());
    let run = |port: &str| learner.explore(["run", "--rm", "-p", port, "demo", "true"]).run();
    run("8080:80").fails(125, "failed to bind host port 0.0.0.0:8080/tcp: address already in use");
    let busy_too = learner.at_machine(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 8080)).unwrap());
    run("8080:80/udp").fails(125, "failed to bind host port 0.0.0.0:8080/udp: address already in use");
    drop(busy_too);
    run("443:80").fails(125, "failed to bind host port 0.0.0.0:443/tcp: permission denied").stderr_has("-p 8443:443");
    // The next of a range will do, and so will any.
    run("8080-8081:80").status(0);
    run("80").status(0);
    drop(busy);
    run("8080:80").status(0);
    learner.explore(["ps", "-aq"]).run().status(0).stdout("");
}

/// The ports of this machine that `port` says lead to a container, by the container's.
fn ports_of(learner: &Learner, name: &str) -> BTreeMap<String, u16> {
    let told = learner.explore(["port", name]).run().status(0).out;
    let pair = |line: &str| {
        let (inside, here) = line.split_once(" -> 0.0.0.0:").unwrap();
        (inside.to_owned(), here.parse().unwrap())
    };
    told.lines().map(pair).collect()
}

#[test]
fn all_exposed_ports_are_there_for_this_machine_each_at_a_free_one() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let before = HostState::of(&learner);
    let explore = |words: &[&str]| learner.explore(words).env("EXPLORE_WAY_OUT", "none").run();
    explore(&["create", "--name", "made", "demo", "sleep", "1000"]).status(0);
    explore(&["commit", "-c", "EXPOSE 80 81 53/udp", "made", "web"]).status(0);
    explore(&["save", "-o", "web.tar", "web"]).status(0);
    explore(&["rm", "made"]).status(0);
    // The lowest port that the kernel gives out is somebody's.
    let range = learner.at_machine(|| std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")).unwrap();
    let range: Vec<u16> = range.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let busy = learner.at_machine(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, range[0])).unwrap());
    let run = |name: &str, image: &str| {
        // One of them is asked for by its number.
        let flags = ["run", "-d", "--name", name, "-P", "-p", "8081:81", "--expose", "82", image];
        explore(&[&flags[..], &["sleep", "1000"]].concat()).status(0).stderr("");
    };
    let answers = |name: &str| {
        serve_inside(&learner, name, 80);
        echo_inside(&learner, name, 53);
        let ports = ports_of(&learner, name);
        let drawn: Vec<u16> = ports.iter().filter(|(inside, _)| *inside != "81/tcp").map(|(_, here)| *here).collect();
        assert_eq!(ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "81/tcp", "82/tcp"]);
        assert!(drawn.iter().all(|port| (range[0]..=range[1]).contains(port)), "{ports:?}");
        assert_eq!(ports["81/tcp"], 8081);
        assert!(ports["80/tcp"] != range[0] && ports["82/tcp"] != range[0], "somebody else's: {ports:?}");
        assert_ne!(ports["80/tcp"], ports["82/tcp"]);
        assert!(call(&learner, None, ([127, 0, 0, 1], ports["80/tcp"])).is_some(), "{ports:?}");
        let client = learner.at_machine(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
        client.connect((Ipv4Addr::LOCALHOST, ports["53/udp"])).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        client.send(b"?").unwrap();
        assert_eq!(client.recv(&mut [0; 9]).unwrap(), 1);
        explore(&["ps"]).stdout_has(&format!("0.0.0.0:{}->80/tcp", ports["80/tcp"]));
        let asked = "{{.HostConfig.PublishAllPorts}} {{(index (index .NetworkSettings.Ports \"53/udp\") 0).HostPort}}";
        explore(&["inspect", "-f", asked, name]).stdout(&format!("true {}\n", ports["53/udp"]));
    };
    run("box", "web");
    answers("box");
    explore(&["restart", "-t", "0", "box"]).status(0).stderr("");
    answers("box");
    // A second one beside it gets others, though nobody but this user's own sockets stands in its way.
    explore(&["run", "-d", "--name", "next", "-P", "web", "sleep", "1000"]).status(0).stderr("");
    explore(&["restart", "-t", "0", "next", "box"]).status(0).stderr("");
    let (first, second) = (ports_of(&learner, "box"), ports_of(&learner, "next"));
    assert!(second.iter().all(|(inside, here)| first.get(inside) != Some(here)), "{first:?} {second:?}");
    assert_eq!(second.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "81/tcp"]);
    explore(&["rm", "-f", "box", "next"]).status(0);
    // An image that is not here yet: what it exposes is known before the command steps in there.
    explore(&["rmi", "web"]).status(0);
    run("box", "docker-archive:web.tar");
    answers("box");
    explore(&["stop", "-t", "0", "box"]).status(0);
    explore(&["network", "up", "box"]).status(0);
    let (up, made) = (ports_of(&learner, "box"), explore(&["start", "box"]).status(0).err);
    assert_eq!((ports_of(&learner, "box"), made.as_str()), (up, ""), "what `network up` has said");
    answers("box");
    explore(&["rm", "-f", "box"]).status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    drop(busy);
    std::fs::remove_file(learner.work().join("web.tar")).unwrap();
    before.assert_unchanged();
}
