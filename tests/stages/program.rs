//! Who the program inside is, what it is given, and what it may use.

use crate::containers::{background, learner, learners, shell};
use crate::crafted::image;
use crate::forge::Forge;
use crate::support::{Learner, is_root, require};
use serde_json::json;
use tar::EntryType;

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n1000:x:7:7::/seven:/bin/sh\n\
    zero:x:zero:0::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nann:x:1001:\nwheel:x:10:ann\n10:x:77:\n";
/// uid, gid, groups, home, and what it may do: effective and bounding set.
const WHO: &str = "id -u; id -g; id -G; echo $HOME; grep -E 'CapEff|CapBnd' /proc/self/status | cut -f2";
const NONE: &str = "0000000000000000";
const ALL: &str = "00000000a80425fb";

/// Root, with an image that has users of its own; its configuration says `user`.
fn with_users(user: &str) -> Learner {
    let learner = learner();
    let layer = Forge::default().folder("etc").file("etc/passwd", PASSWD).file("etc/group", GROUP).end();
    image(&learner, "users:1", layer, |config| config["config"]["User"] = json!(user));
    learner
}

fn who(learner: &Learner, flags: &[&str]) -> Vec<String> {
    let run = learner.explore(["run", "--rm", "--network", "none"]).args(flags).args(["users:1", "sh", "-c", WHO]);
    run.run().status(0).stderr("").out.lines().map(str::to_owned).collect()
}

#[test]
fn a_user_is_looked_up_in_the_images_own_files_and_keeps_no_capability() {
    require!("stages::program::users", is_root(), "without root only uid 0 is mapped");
    let learner = with_users("ann");
    let table: [(&[&str], [&str; 6]); 6] = [
        (&[], ["1000", "1001", "1001 10", "/home/ann", NONE, ALL]),
        (&["-u", "1000"], ["1000", "1001", "1001 10", "/home/ann", NONE, ALL]),
        (&["-u", "ann:10"], ["1000", "10", "10", "/home/ann", NONE, ALL]),
        (&["-u", "00"], ["0", "0", "0", "/root", ALL, ALL]),
        (&["-u", ":5", "-e", "HOME=/tmp"], ["0", "5", "5", "/tmp", ALL, ALL]),
        (&["-u", "4242", "--group-add", "wheel", "--group-add", "9"], ["4242", "0", "0 9 10", "/", NONE, ALL]),
    ];
    for (flags, expected) in table {
        let mut found = who(&learner, flags);
        let mut groups: Vec<u32> = found[2].split(' ').map(|one| one.parse().unwrap()).collect();
        let mut wanted: Vec<u32> = expected[2].split(' ').map(|one| one.parse().unwrap()).collect();
        groups.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(groups, wanted, "{flags:?}");
        found[2] = expected[2].to_owned();
        assert_eq!(found, expected, "{flags:?}");
    }
}

#[test]
fn nobody_becomes_root_by_a_name_that_is_none() {
    let learner = with_users("");
    for user in ["1x", "a:b", "zero", "0x0", " 0", "root:nosuch"] {
        let told = learner.explore(["run", "--rm", "-u", user, "users:1", "true"]).run().status(125).stdout("");
        let why = "no matching entries in";
        assert!(told.err.contains(why) && told.err.contains("unable to find"), "{user:?}\n{}", told.shown());
    }
    for user in ["-1", "4294967296", "0:2147483648"] {
        let flag = format!("--user={user}");
        let told = learner.explore(["run", "--rm", &flag, "users:1", "true"]).run();
        told.fails(125, "uids and gids must be in range 0-2147483647");
    }
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
}

#[test]
fn exec_is_the_containers_user_or_another_one_of_its_files_as_they_are_now() {
    require!("stages::program::exec_users", is_root(), "without root only uid 0 is mapped");
    let learner = with_users("ann");
    learner.explore(["run", "-d", "--name", "box", "users:1", "sleep", "1000"]).run().status(0);
    let exec = |flags: &[&str]| {
        let run = learner.explore(["exec"]).args(flags).args(["box", "sh", "-c", WHO]).run().status(0).stderr("");
        run.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(exec(&[])[..4], ["1000", "1001", "1001 10", "/home/ann"]);
    assert_eq!(exec(&["-u", "0"]), ["0", "0", "0", "/root", ALL, ALL]);
    assert_eq!(exec(&["-u", "1"])[..2], ["1", "0"]);
    let late = "echo late:x:55:56::/late: >>/etc/passwd";
    learner.explore(["exec", "-u", "root", "box", "sh", "-c", late]).run().status(0);
    assert_eq!(exec(&["-u", "late"]), ["55", "56", "56", "/late", NONE, ALL]);
    learner.explore(["exec", "-u", "nosuch", "box", "true"]).run().fails(126, "unable to find user nosuch");
    // And the same names decide when it starts again.
    let change = "sed -i s/:1000:1001:/:2000:2001:/ /etc/passwd || true; echo ann:x:2000:2001::/: >/etc/passwd";
    learner.explore(["exec", "-u", "0", "box", "sh", "-c", change]).run().status(0);
    learner.explore(["stop", "-t", "0", "box"]).run().status(0);
    learner.explore(["start", "box"]).run().status(0);
    assert_eq!(exec(&[])[..2], ["2000", "2001"]);
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

#[test]
fn a_list_of_users_that_is_a_link_a_pipe_or_a_device_is_not_followed_out_nor_opened() {
    require!("stages::program::odd_users", is_root(), "needs root to have a device in an image");
    let learner = learner();
    let layer = |forge: Forge| forge.folder("etc");
    // A file of the host is no list of this image's users.
    let spy = learner.work().join("spy");
    std::fs::write(&spy, "spy:x:0:0::/:\n").unwrap();
    let out = layer(Forge::default()).link("etc/passwd", spy.to_str().unwrap()).end();
    image(&learner, "odd:1", out, |_| ());
    learner.explore(["run", "--rm", "-u", "spy", "odd:1", "true"]).run().fails(125, "unable to find user spy");
    let pipe = layer(Forge::default()).raw(EntryType::Fifo, "etc/passwd", "", 0o644, b"").end();
    image(&learner, "odd:2", pipe, |_| ());
    learner.explore(["run", "--rm", "odd:2", "true"]).run().fails(125, "it is no plain file");
    let device = layer(Forge::default()).device("etc/group", 1, 5).end();
    image(&learner, "odd:3", device, |_| ());
    learner.explore(["run", "--rm", "odd:3", "true"]).run().fails(125, "it is no plain file");
    // A container that changes the file while it runs is asked again, and believed no more.
    background(&learner, "box", "rm /etc/passwd; mkfifo /etc/passwd || mknod /etc/passwd p; sleep 1000");
    crate::support::eventually("the pipe is there", || {
        learner.explore(["exec", "box", "true"]).run().err.contains("it is no plain file")
    });
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

#[test]
fn without_root_a_number_that_nobody_has_is_named() {
    require!("stages::program::unmapped", is_root(), "needs root to become an ordinary user");
    for learner in learners().iter().skip(1) {
        let run = |user: &str| learner.explore(["run", "--rm", "-u", user, "demo", "id", "-u"]).run();
        run("0").status(0).stdout("0\n");
        run("learner").fails(125, "uid 1000 is not mapped in this user namespace");
        run("0:5").fails(125, "gid 5 is not mapped in this user namespace");
        let told = learner.explore(["run", "--rm", "--group-add", "0", "demo", "true"]).run();
        told.fails(125, "--group-add needs setgroups(2)");
        learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    }
}

#[test]
fn entry_point_and_command_are_put_together_as_docker_does() {
    let learner = learner();
    image(&learner, "entry:1", Forge::default().end(), |config| {
        config["config"]["Entrypoint"] = json!(["echo", "entry"]);
        config["config"]["Cmd"] = json!(["command"]);
    });
    let run = |flags: &[&str], command: &[&str]| {
        let run = learner.explore(["run", "--rm", "--network", "none"]).args(flags).arg("entry:1").args(command);
        run.run()
    };
    run(&[], &[]).status(0).stdout("entry command\n");
    run(&[], &["typed"]).status(0).stdout("entry typed\n");
    run(&["--entrypoint", "echo"], &[]).status(0).stdout("\n");
    run(&["--entrypoint", "echo"], &["typed"]).status(0).stdout("typed\n");
    run(&["--entrypoint", ""], &["echo", "typed"]).status(0).stdout("typed\n");
    run(&["--entrypoint", ""], &[]).fails(125, "names no command, and none was given");
}

#[test]
fn variables_come_from_the_image_a_file_and_the_command_line_in_this_order() {
    let learner = learner();
    image(&learner, "env:1", Forge::default().end(), |config| {
        config["config"]["Env"] = json!(["PATH=/usr/bin:/bin", "A=image", "B=image", "C=image", "D=image"]);
    });
    std::fs::write(learner.work().join("vars"), "# of a file\nB=file\nC=file\nE=a 'b' # c\nNOBODY\nMINE\n").unwrap();
    let run = learner.explore(["run", "--rm", "--env-file", "vars", "-e", "C=typed", "-e", "D", "env:1", "sh", "-c"]);
    let script = "echo $A $B $C ${D-gone}; echo \"$E\"; echo ${NOBODY-none} $MINE";
    run.arg(script).env("MINE", "mine").run().status(0).stdout("image file typed gone\na 'b' # c\nnone mine\n");
    std::fs::write(learner.work().join("bad"), "A=1\na b=c\n").unwrap();
    learner.explore(["run", "--rm", "--env-file", "bad", "demo", "true"]).run().fails(125, "bad:2 holds no variables");
    learner.explore(["run", "--rm", "--env-file", "none", "demo", "true"]).run().fails(125, "none");
}

#[test]
fn a_limit_holds_for_the_program_and_one_that_we_may_not_set_is_named_before_anything_is_made() {
    for learner in learners() {
        let flags = ["--network", "none", "--ulimit", "nofile=64:128", "--ulimit", "core=0"];
        shell(&learner, &flags, "ulimit -Sn; ulimit -Hn; ulimit -c; umask")
            .run()
            .status(0)
            .stdout("64\n128\n0\n0022\n");
    }
    let learner = learner();
    for bad in ["nofile", "nofile=2:1", "files=1", "nofile=x"] {
        let told = learner.explore(["run", "--rm", "--ulimit", bad, "demo", "true"]).run().status(125).stdout("");
        assert!(told.err.contains(bad), "{}", told.shown());
    }
    // A shell with a lower hard limit, and without the right to raise it.
    let script = "ulimit -Sn 50; ulimit -Hn 100; exec \"$EXPLORE\" run --rm --ulimit nofile=200 demo true";
    let user = if is_root() { Learner::user() } else { learner };
    user.explore(["pull", "-q", "demo"]).run().status(0);
    let told = user.program("sh", ["-c", script]).run();
    told.fails(125, "--ulimit nofile=200 is above 100").stderr_has("CAP_SYS_RESOURCE");
    user.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
}

#[test]
fn a_working_directory_belongs_to_root_and_may_be_one_that_the_user_cannot_reach() {
    require!("stages::program::workdir", is_root(), "without root only uid 0 is mapped");
    let learner = learner();
    let flags = ["-u", "learner", "-w", "/made/here"];
    shell(&learner, &flags, "pwd; ls -ldn . | cut -c1-10; test -O . || echo not mine")
        .run()
        .status(0)
        .stdout("/made/here\ndrwxr-xr-x\nnot mine\n");
    // root's own folder: 0700. runc goes there before it changes its user, and so do we.
    shell(&learner, &["-u", "learner", "-w", "/root"], "pwd; ls . 2>/dev/null; echo $?").run().stdout("/root\n2\n");
}
