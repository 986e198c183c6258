//! `explore cp`: docker's rules for what goes where, and nothing of the container is run or believed for it.

use crate::containers::{background, learner, learners};
use crate::support::{HostState, Learner, is_root, require};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// A folder with one of each kind, and a file.
fn fill(work: &Path) {
    std::fs::create_dir_all(work.join("src/sub")).unwrap();
    std::fs::write(work.join("src/sub/b"), "2").unwrap();
    std::fs::write(work.join("src/.wh.x"), "no mark").unwrap();
    std::os::unix::fs::symlink("sub/b", work.join("src/link")).unwrap();
    std::os::unix::fs::symlink("src", work.join("to-src")).unwrap();
    std::fs::write(work.join("f"), "file").unwrap();
    std::fs::set_permissions(work.join("f"), std::fs::Permissions::from_mode(0o604)).unwrap();
    std::fs::hard_link(work.join("f"), work.join("src/hard")).unwrap();
}

/// What became of a copy: a name and its content, or the error.
type Became = Result<(&'static str, &'static str), &'static str>;

/// Source, target, and what became of it (a name inside and its content), or the error. Each row is what docker 20.10
/// does, one after the other in one container; its sentences are in other words.
const IN: [(&str, &str, Became); 20] = [
    ("f", "box:/new", Ok(("/new", "file"))),
    ("f", "box:/tmp", Ok(("/tmp/f", "file"))),
    ("f", "box:/etc/passwd", Ok(("/etc/passwd", "file"))),
    ("f", "box:relative", Ok(("/relative", "file"))),
    ("f", "box:/new2/", Err("not a directory: box:/new2/")),
    ("f", "box:/nodir/x", Err("no such container:path: box:/nodir/x")),
    ("src", "box:/dst", Ok(("/dst/sub/b", "2"))),
    ("src", "box:/dst", Ok(("/dst/src/.wh.x", "no mark"))),
    ("src/.", "box:/dst2", Ok(("/dst2/sub/b", "2"))),
    ("src/.", "box:/tmp", Ok(("/tmp/link", "2"))),
    ("src/", "box:/dst3/", Ok(("/dst3/hard", "file"))),
    ("src", "box:/new", Err("cannot copy a directory to a file: box:/new")),
    ("to-src/", "box:/followed", Ok(("/followed/sub/b", "2"))),
    ("f", "box:/new/", Err("not a directory: box:/new/")),
    ("f/", "box:/z", Err("not a directory: f/")),
    ("nosuch", "box:/z", Err("no such file or directory: nosuch")),
    ("f", "nosuch:/z", Err("no such container: nosuch")),
    ("f", "g", Err("must specify at least one container source")),
    ("box:/new", "box:/other", Err("copying between containers is not supported")),
    ("f", "box:", Err("has no path")),
];

const OUT: [(&str, &str, Became); 9] = [
    ("box:/new", "got", Ok(("got", "file"))),
    ("box:/dst2", "out", Ok(("out/sub/b", "2"))),
    ("box:/dst2", "out", Ok(("out/dst2/.wh.x", "no mark"))),
    ("box:dst2/.", "out2", Ok(("out2/link", "2"))),
    ("box:/dst2", "got", Err("cannot copy a directory to a file: got")),
    ("box:/new", "nodir/", Err("not a directory: nodir/")),
    ("box:/new", "nodir/x", Err("no such file or directory: nodir/x")),
    ("box:/nosuch", "z", Err("no such container:path: box:/nosuch")),
    ("box:/../../new", "up", Ok(("up", "file"))),
];

fn check(learner: &Learner, from: &str, to: &str, expected: Became, read: impl Fn(&str) -> String) {
    let told = learner.explore(["cp", from, to]).run();
    match expected {
        Ok((name, content)) => {
            told.status(0).stdout("").stderr("");
            assert_eq!(read(name), content, "{from} -> {to}");
        }
        Err(sentence) => drop(told.fails(1, sentence)),
    }
}

#[test]
fn what_is_copied_goes_where_docker_puts_it_whether_the_container_runs_or_not() {
    for (learner, runs) in learners().into_iter().flat_map(|learner| [(learner.clone(), false), (learner, true)]) {
        fill(&learner.work());
        let before = HostState::of(&learner);
        if runs {
            background(&learner, "box", "sleep 1000");
        } else {
            learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
        }
        let inside = |name: &str| {
            let there = format!("box:{name}");
            let archive =
                learner.explore(["cp", "-L", &there, "-"]).wrapped_by(["sh", "-c", "\"$@\" | tar -xOf -", "sh"]);
            archive.run().status(0).out
        };
        for (from, to, expected) in IN {
            check(&learner, from, to, expected, inside);
        }
        let here = |name: &str| std::fs::read_to_string(learner.work().join(name)).unwrap();
        for (from, to, expected) in OUT {
            check(&learner, from, to, expected, here);
        }
        let got = learner.work().join("got").metadata().unwrap();
        assert_eq!(got.permissions().mode() & 0o7777, 0o604);
        assert_eq!(got.mtime(), learner.work().join("f").metadata().unwrap().mtime());
        let copied = learner.explore(["diff", "box"]).run().status(0);
        assert!(
            copied.out.contains("A /dst/sub/b\n"),
            "it is written in the container's own layer\n{}",
            copied.shown()
        );
        let json = learner.explore(["cp", "--json", "box:/new", "got"]).run().status(0).json();
        assert_eq!(json["bytes"], 4);
        learner.explore(["rm", "-f", "box"]).run().status(0);
        for name in ["got", "up"] {
            std::fs::remove_file(learner.work().join(name)).unwrap();
        }
        for name in ["out", "out2"] {
            std::fs::remove_dir_all(learner.work().join(name)).unwrap();
        }
        before.assert_unchanged();
        std::fs::remove_dir_all(learner.work().join("src")).unwrap();
        for name in ["f", "to-src"] {
            std::fs::remove_file(learner.work().join(name)).unwrap();
        }
    }
}

#[test]
fn an_archive_goes_in_and_out_by_the_standard_streams() {
    let learner = learner();
    fill(&learner.work());
    learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    let pipe = |script: &str| learner.program("sh", ["-c", script]).run();
    pipe("tar -C src -cf - . | \"$EXPLORE\" cp - box:/opt").status(0).stdout("").stderr("");
    let listed = pipe("\"$EXPLORE\" cp box:/opt - | tar -tf - | sort").status(0);
    listed.stdout("opt/\nopt/.wh.x\nopt/hard\nopt/link\nopt/sub/\nopt/sub/b\n");
    pipe("tar -C src -czf - . | \"$EXPLORE\" cp - box:/home").status(0);
    learner.explore(["cp", "box:/home/sub/b", "b"]).run().status(0);
    pipe("tar -cf - f | \"$EXPLORE\" cp - box:/etc/passwd").fails(1, "not a directory: box:/etc/passwd");
    pipe("tar -cf - f | \"$EXPLORE\" cp - box:/none").fails(1, "no such container:path: box:/none");
    pipe("echo none | \"$EXPLORE\" cp - box:/opt").fails(1, "the archive cannot be read");
    // A folder and a file do not replace each other.
    pipe("mkdir x; mv f x/sub; tar -C x -cf - sub | \"$EXPLORE\" cp - box:/opt")
        .fails(1, "a folder of that name is there");
    pipe("rm -r src/sub; mkdir src/hard2; tar -C src -cf - link hard2 | \"$EXPLORE\" cp - box:/opt").status(0);
    pipe("rm src/link; mkdir src/link; tar -C src -cf - link | \"$EXPLORE\" cp - box:/opt")
        .fails(1, "something that is no folder is there");
}

#[test]
fn owners_are_kept_where_that_is_asked_for() {
    require!("stages::cp::owners", is_root(), "needs root to give files away");
    let learner = learner();
    fill(&learner.work());
    std::os::unix::fs::chown(learner.work().join("f"), Some(5), Some(6)).unwrap();
    background(&learner, "box", "sleep 1000");
    for (flags, name, owner) in [(&["-a"][..], "kept", "5:6\n"), (&[], "roots", "0:0\n")] {
        learner.explore(["cp"]).args(flags).args(["f", &format!("box:/{name}")]).run().status(0);
        learner.explore(["exec", "box", "stat", "-c", "%u:%g", &format!("/{name}")]).run().status(0).stdout(owner);
    }
    for (flags, name, owner) in [(&["-a"][..], "back", (5, 6)), (&[], "mine", (0, 0))] {
        learner.explore(["cp"]).args(flags).args(["box:/kept", name]).run().status(0);
        let found = learner.work().join(name).metadata().unwrap();
        assert_eq!((found.uid(), found.gid()), owner);
    }
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

/// A user whom subuid(5) does not list has one number in his namespace. Docker's daemon, as rootless docker runs it, fails
/// there (`lchown: invalid argument`); here the file comes, is root's, and it is said.
#[test]
fn a_strangers_owner_that_has_no_number_here_is_not_kept_and_that_is_said() {
    require!("stages::cp::stranger", is_root(), "needs root to be somebody else as well");
    let learner = Learner::user();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let (strange, own) = (learner.work().join("strange"), std::fs::metadata(learner.home()).unwrap().uid());
    std::fs::create_dir(&strange).unwrap();
    for (name, owner) in [("roots", 0), ("mine", own), ("others", 5)] {
        std::fs::write(strange.join(name), name).unwrap();
        std::os::unix::fs::chown(strange.join(name), Some(owner), Some(owner)).unwrap();
    }
    background(&learner, "box", "sleep 1000");
    let said = "explore: warning: owners that could not be kept: 3; they have no number in this user namespace, and \
                subuid(5) gives a user more\n";
    for (flags, name, told) in [(&["-a"][..], "kept", said), (&[], "plain", "")] {
        let inside = format!("box:/{name}");
        learner.explore(["cp"]).args(flags).args(["strange", &inside]).run().status(0).stderr(told);
        let list = format!("cd /{name} && stat -c '%n %u:%g' . *");
        let all = ". 0:0\nmine 0:0\nothers 0:0\nroots 0:0\n";
        learner.explore(["exec", "box", "sh", "-c", &list]).run().status(0).stdout(all);
        // Out again, each is the user's: root inside is nobody else.
        learner.explore(["cp", "-a", &inside, &format!("{name}-back")]).run().status(0).stderr("");
        let back = learner.work().join(format!("{name}-back"));
        assert_eq!(["roots", "mine", "others"].map(|name| back.join(name).metadata().unwrap().uid()), [own; 3]);
    }
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

/// A root without rights over this machine, as rootless docker's daemon is one, may make none.
#[test]
fn a_device_that_a_user_may_not_make_is_named_and_an_empty_file_stands_for_it() {
    require!("stages::cp::devices", is_root(), "needs root to be somebody else as well, and to make a device");
    for (learner, refused) in [(Learner::user(), true), (learner(), false)] {
        learner.explore(["pull", "-q", "demo"]).run().status(0);
        let folder = learner.work().join("dev");
        std::fs::create_dir(&folder).unwrap();
        mknod(&folder.join("zero"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o644), makedev(1, 5)).unwrap();
        mkfifo(&folder.join("queue"), Mode::from_bits_truncate(0o644)).unwrap();
        background(&learner, "box", "sleep 1000");
        let said = |name: &str| {
            let text = format!(
                "explore: warning: devices that could not be made: 1 ({name}); an empty file that nobody may open stands for \
                 each, as the kernel lets no user namespace make devices\n"
            );
            if refused { text } else { String::new() }
        };
        learner.explore(["cp", "dev", "box:/d"]).run().status(0).stderr(&said("d/zero"));
        let kind = if refused { "regular empty file 0" } else { "character special file 644" };
        let asked = ["exec", "box", "stat", "-c", "%n %F %a", "/d/queue", "/d/zero"];
        learner.explore(asked).run().status(0).stdout(&format!("/d/queue fifo 644\n/d/zero {kind}\n"));
        learner.explore(["cp", "box:/dev/null", "nothing"]).run().status(0).stderr(&said("nothing"));
        let there = learner.work().join("nothing").metadata().unwrap();
        assert_eq!((there.file_type().is_char_device(), there.len()), (!refused, 0));
        learner.explore(["rm", "-f", "box"]).run().status(0);
    }
}

#[test]
fn a_volume_is_written_through_and_not_beside() {
    for learner in learners() {
        fill(&learner.work());
        let volume = learner.work().join("volume");
        std::fs::create_dir(&volume).unwrap();
        std::fs::set_permissions(&volume, std::fs::Permissions::from_mode(0o777)).unwrap();
        let volume = format!("{}:/v", volume.display());
        learner.explore(["create", "--name", "box", "-v", &volume, "demo", "sleep", "1000"]).run().status(0);
        learner.explore(["cp", "f", "box:/v/rests"]).run().status(0);
        learner.explore(["start", "box"]).run().status(0);
        learner.explore(["cp", "f", "box:/v/runs"]).run().status(0);
        learner.explore(["cp", "f", "box:/dev/shm/memory"]).run().status(0);
        learner.explore(["exec", "box", "cat", "/v/rests", "/v/runs", "/dev/shm/memory"]).run().stdout("filefilefile");
        learner.explore(["rm", "-f", "box"]).run().status(0);
        assert!(learner.work().join("volume/rests").exists() && learner.work().join("volume/runs").exists());
        for name in ["src", "volume"] {
            std::fs::remove_dir_all(learner.work().join(name)).unwrap();
        }
    }
}
