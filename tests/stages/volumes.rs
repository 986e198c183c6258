//! What is mounted beside the image: volumes that outlive containers, memory that does not, and a root that takes nothing.

mod peers;

use crate::containers::{background, learner, learners, shell};
use crate::crafted;
use crate::forge::Forge;
use crate::support::{HostState, Learner, is_root, require};
use serde_json::json;
use tar::{EntryType, Header};

/// What a copy must not lose: an owner, odd modes, a hard link, a link out, a fifo; and a file that a layer deletes.
fn image(learner: &Learner, name: &str) {
    let owned = |name: &str, kind, mode, content: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_mode(mode);
        let (uid, gid) = if is_root() && learner.processes_are_roots() { (7, 8) } else { (0, 0) };
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_mtime(1_000_000_000);
        if kind == EntryType::Link {
            header.set_link_name("data/sub/file").unwrap();
        }
        header.set_size(content.len() as u64);
        (header, content.to_vec())
    };
    let mut below = Forge::default();
    for (header, content) in [
        owned("data/", EntryType::Directory, 0o1770, b""),
        owned("data/sub/", EntryType::Directory, 0o2750, b""),
        owned("data/sub/file", EntryType::Regular, 0o4755, b"content\n"),
        owned("data/twin", EntryType::Link, 0o4755, b""),
        owned("data/gone", EntryType::Regular, 0o644, b"deleted above\n"),
        owned("data/fifo", EntryType::Fifo, 0o600, b""),
    ] {
        below = below.header(header, &content);
    }
    let below = below.link("data/out", "/etc").link("root", "/").end();
    let (header, content) = owned("data/", EntryType::Directory, 0o1770, b"");
    let above = Forge::default().header(header, &content).file("data/.wh.gone", "").end();
    crafted::image_of(learner, name, vec![below, above], |config| {
        config["config"]["Volumes"] = json!({ "/data": {}, "/made": {} });
    });
}

impl Learner {
    fn processes_are_roots(&self) -> bool {
        self.program("id", ["-u"]).run().out == "0\n"
    }
}

const LOOK: &str =
    "cd /data; find . | sort | while read one; do stat -c '%n %F %a %u:%g %h %Y' $one; done; readlink out; cat twin";

fn volumes(learner: &Learner) -> String {
    learner.explore(["volume", "ls", "-q"]).run().status(0).out
}

#[test]
fn an_empty_volume_is_filled_with_what_the_image_has_there_and_another_is_not() {
    for learner in learners() {
        image(&learner, "full:1");
        let run = |flags: &[&str], script: &str| {
            learner.explore(["run", "--rm", "--network", "none"]).args(flags).args(["full:1", "sh", "-c", script]).run()
        };
        // Without a volume over it the image's own folder is seen: what the copy must equal.
        let own = run(&["-v", "other:/elsewhere", "--tmpfs", "/data"], "ls /data").status(0);
        own.stdout("");
        learner.explore(["create", "--network", "none", "--name", "bare", "demo", "true"]).run().status(0);
        let told = run(&["-v", "data:/data"], LOOK).status(0).stderr("");
        let owner = if learner.processes_are_roots() { "7:8" } else { "0:0" };
        let expected = [
            format!(". directory 1770 {owner} 3 1000000000"),
            format!("./fifo fifo 600 {owner} 1 1000000000"),
            "./out symbolic link 777 0:0 1 1000000000".to_owned(),
            format!("./sub directory 2750 {owner} 2 1000000000"),
            format!("./sub/file regular file 4755 {owner} 2 1000000000"),
            format!("./twin regular file 4755 {owner} 2 1000000000"),
            "/etc".to_owned(),
            "content".to_owned(),
        ];
        told.stdout(&(expected.join("\n") + "\n"));
        // Once: what has something in it stays as it is, also at another place.
        run(&["-v", "data:/data"], "rm -r /data/sub /data/fifo; echo mine >/data/own").status(0);
        run(&["-v", "data:/etc/skel"], "ls /etc/skel").status(0).stdout("out\nown\ntwin\n");
        run(&["-v", "not:/data:nocopy"], "ls /data; stat -c '%a %u' /data").status(0).stdout("755 0\n");
        // Read-only for the container does not mean that it is not filled.
        run(&["-v", "ro:/data:ro"], "cat /data/twin; echo x >/data/new").stdout("content\n").stderr_has("Read-only");
        assert_eq!(volumes(&learner), "data\nnot\nother\nro\n", "what nobody named has gone with its container");
        learner.explore(["rm", "bare"]).run().status(0);
        learner.explore(["volume", "prune", "-f", "-a"]).run().status(0).stdout_has("data\nnot\nother\nro\n");
        assert_eq!(volumes(&learner), "");
    }
}

#[test]
fn volumes_without_a_name_go_with_run_rm_and_rm_v_and_others_never() {
    let learner = learner();
    image(&learner, "full:1");
    let before = HostState::of(&learner);
    let run = |words: &[&str]| learner.explore(["run", "--network", "none"]).args(words).run().status(0);
    run(&["--rm", "-v", "kept:/kept", "-v", "/more", "full:1", "touch", "/made/x", "/more/x", "/kept/x"]);
    assert_eq!(volumes(&learner), "kept\n");
    run(&["--name", "box", "-v", "kept:/kept", "full:1", "true"]);
    assert_eq!(volumes(&learner).lines().count(), 3, "the image asks for two");
    // Another container has them too: they stay for it.
    run(&["--name", "other", "--volumes-from", "box:ro", "demo", "sh", "-c", "ls /kept; ! touch /made/x 2>/dev/null"])
        .stdout("x\n");
    learner.explore(["rm", "-v", "box"]).run().status(0).stdout("box\n");
    assert_eq!(volumes(&learner).lines().count(), 3);
    learner.explore(["rm", "other"]).run().status(0);
    assert_eq!(volumes(&learner).lines().count(), 3, "rm alone takes none");
    learner.explore(["volume", "prune", "-f"]).run().status(0).stdout_has("Deleted Volumes:\n");
    assert_eq!(volumes(&learner), "kept\n");
    learner.explore(["volume", "rm", "kept"]).run().status(0).stdout("kept\n").stderr("");
    before.assert_unchanged();
}

#[test]
fn volume_commands_answer_as_dockers_do() {
    let learner = learner();
    let volume = |words: &[&str]| learner.explore(["volume"]).args(words).run();
    volume(&["create", "data"]).status(0).stdout("data\n");
    volume(&["create", "data"]).status(0).stdout("data\n");
    volume(&["create", "--label", "course=7", "other"]).status(0).stdout("other\n");
    volume(&["ls"]).status(0).stdout("DRIVER    VOLUME NAME\nlocal     data\nlocal     other\n");
    volume(&["ls", "-q", "--filter", "label=course=7"]).status(0).stdout("other\n");
    volume(&["ls", "-q", "--filter", "name=at"]).status(0).stdout("data\n");
    let id = background(&learner, "box", "sleep 1000");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    let made = learner.explore(["create", "--name", "box", "-v", "data:/data", "demo", "true"]).run().status(0);
    assert_ne!(made.out.trim(), id);
    volume(&["ls", "-q", "--filter", "dangling=true"]).status(0).stdout("other\n");
    volume(&["rm", "data"]).fails(1, &format!("remove data: volume is in use - [{}]", made.out.trim()));
    volume(&["rm", "nosuch"]).fails(1, "get nosuch: no such volume");
    volume(&["rm", "-f", "nosuch"]).status(0).stdout("nosuch\n").stderr("");
    volume(&["rm"]).status(1).stdout("");
    volume(&["ls", "--bad"]).status(125).stdout("");
    volume(&["ls", "--filter", "x=y"]).fails(1, "invalid filter 'x'");
    volume(&["ls", "--filter", "dangling=maybe"]).fails(1, "invalid filter 'dangling=[maybe]'");
    volume(&["create", "a"]).fails(1, "names should be at least two alphanumeric characters");
    volume(&["create", "../x"]).fails(1, "includes invalid characters for a local volume name");
    volume(&["inspect", "../containers"]).status(1).stdout("[]\n").stderr_has("get ../containers: no such volume");
    let shown = volume(&["inspect", "other"]).status(0).json();
    assert_eq!(shown[0]["Labels"], json!({ "course": "7" }));
    assert!(shown[0]["Mountpoint"].as_str().unwrap().ends_with("/volumes/other/_data"), "{shown}");
    // Nobody says yes: nothing goes. A yes takes what has a name only with --all.
    volume(&["prune", "--all"]).status(1).stdout_has("[y/N]").stderr_has("volume prune has been cancelled");
    let yes = |words: &[&str]| learner.explore(["volume", "prune"]).args(words).stdin("y\n").run().status(0);
    yes(&[]).stdout_has("Total reclaimed space: 0B\n");
    assert_eq!(volumes(&learner), "data\nother\n");
    yes(&["--all"]).stdout_has("Deleted Volumes:\nother\n\nTotal");
    assert_eq!(volumes(&learner), "data\n");
}

#[test]
fn many_at_once_find_one_volume_and_find_it_whole() {
    for learner in learners() {
        image(&learner, "full:1");
        let start = |_| {
            let words =
                ["run", "--rm", "--network", "none", "-v", "data:/data", "full:1", "sh", "-c", "cat /data/twin"];
            learner.explore(words).spawn()
        };
        let all: Vec<_> = (0..12).map(start).collect();
        for one in all {
            one.finish("a run with a volume").status(0).stdout("content\n").stderr("");
        }
        assert_eq!(volumes(&learner), "data\n");
        learner.explore(["volume", "rm", "data"]).run().status(0);
    }
}

#[test]
fn a_container_that_cannot_be_made_leaves_no_volume() {
    let learner = learner();
    image(&learner, "full:1");
    learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    let before = HostState::of(&learner);
    let create = |words: &[&str]| learner.explore(["create"]).args(words).run();
    create(&["--name", "box", "-v", "new:/new", "full:1", "true"]).fails(1, "is already in use");
    create(&["-v", "new:/new", "-v", "/data/sub/file", "full:1", "true"])
        .fails(1, "cannot mount volume over existing file");
    create(&["-v", "new:/new", "-v", "/x:/new", "full:1", "true"]).fails(1, "duplicate mount point: /new");
    create(&["-v", "new:/new:odd", "full:1", "true"]).fails(1, "invalid mode: odd");
    create(&["-v", "a:b:c:d", "full:1", "true"]).fails(125, "too many colons");
    create(&["--mount", "odd", "full:1", "true"]).fails(125, "must be a key=value pair");
    create(&["--volumes-from", "nobody", "full:1", "true"]).fails(1, "no such container: nobody");
    assert_eq!(volumes(&learner), "");
    before.assert_unchanged();
}

#[test]
fn what_was_begun_and_killed_is_finished_or_gone() {
    let learner = learner();
    image(&learner, "full:1");
    learner.explore(["volume", "create", "data"]).run().status(0);
    let folder = learner.state().join("data/volumes/data");
    // Killed while it was copied: half of it is worth nothing.
    std::fs::create_dir(folder.join("filling")).unwrap();
    std::fs::write(folder.join("filling/half"), "").unwrap();
    let words = ["run", "--rm", "--network", "none", "-v", "data:/data", "full:1", "ls", "/data"];
    learner.explore(words).run().status(0).stdout("fifo\nout\nsub\ntwin\n");
    // Killed between two moves: the rest follows, and what a container has made meanwhile is not touched.
    std::fs::create_dir(folder.join("filled")).unwrap();
    std::fs::write(folder.join("filled/late"), "").unwrap();
    std::fs::write(folder.join("filled/twin"), "not this").unwrap();
    learner.explore(words).run().status(0).stdout("fifo\nlate\nout\nsub\ntwin\n");
    assert_eq!(std::fs::read_to_string(folder.join("_data/twin")).unwrap(), "content\n");
    assert!(!folder.join("filled").exists());
    for name in [".new-x", ".old-y"] {
        std::fs::create_dir(folder.parent().unwrap().join(name)).unwrap();
    }
    learner.explore(["clean"]).run().status(0);
    assert_eq!(volumes(&learner), "data\n");
    let left: Vec<_> =
        std::fs::read_dir(folder.parent().unwrap()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the lock and the volume: {left:?}");
}

#[test]
fn no_link_of_an_image_or_a_volume_leads_a_mount_or_a_copy_out() {
    let learner = learner();
    let canary = learner.work().join("canary");
    std::fs::create_dir(&canary).unwrap();
    std::fs::write(canary.join("secret"), "alive\n").unwrap();
    let away = canary.display().to_string();
    let up = format!("{}{}", "../".repeat(20), away.trim_start_matches('/'));
    let layer = Forge::default().link("absolute", &away).link("up", &up).link("root", "/").link("fake", "/proc");
    // What is to be copied is full of links out; and a folder on its way is one.
    let layer = layer.folder("data").link("data/out", &away).link("data/up", &up).link("way", "/data").end();
    crafted::image(&learner, "evil:1", layer, |_| ());
    let run = |words: &[&str]| learner.explore(["run", "--rm", "--network", "none"]).args(words).run();
    for place in ["/absolute", "/up"] {
        let volume = format!("new:{place}");
        let script = format!("touch {place}/written; ls -A {place}");
        run(&["-v", &volume, "evil:1", "sh", "-c", &script]).status(0).stdout("written\n");
        learner.explore(["volume", "rm", "new"]).run().status(0);
    }
    run(&["-v", "new:/way", "evil:1", "sh", "-c", "readlink /data/out; ! cat /data/out/secret 2>/dev/null"])
        .status(0)
        .stdout("[HERE]/work/canary\n");
    // A volume over the root, or over /proc with a link between, would hide what is masked.
    run(&["-v", "new:/root", "evil:1", "true"]).fails(125, "it leads to the root of the container");
    run(&["--tmpfs", "/root", "evil:1", "true"]).fails(125, "it leads to the root of the container");
    for place in ["/proc", "/fake", "/fake/sys", "/proc/self"] {
        let flags = [format!("new:{place}"), place.to_owned()];
        run(&["-v", &flags[0], "evil:1", "true"]).fails(125, "nothing else is mounted inside /proc");
        assert_ne!(run(&["--tmpfs", &flags[1], "evil:1", "true"]).code, 0);
    }
    // A volume that brings links, and a second one to be mounted through them.
    learner.explore(["volume", "create", "links"]).run().status(0);
    let data = learner.state().join("data/volumes/links/_data");
    std::os::unix::fs::symlink(&away, data.join("there")).unwrap();
    run(&["-v", "links:/links", "-v", "second:/links/there", "evil:1", "touch", "/links/there/written"]).status(0);
    let left: Vec<_> = std::fs::read_dir(&canary).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"], "nothing was written outside");
    // What somebody has mounted in a volume is not removed with it.
    let inside = data.join("mounted");
    std::fs::create_dir(&inside).unwrap();
    learner.program("mount", ["--bind".as_ref(), canary.as_os_str(), inside.as_os_str()]).run().status(0);
    learner.explore(["volume", "rm", "links"]).run().fails(1, "something is mounted at");
    learner.program("umount", [&inside]).run().status(0);
    learner.explore(["volume", "rm", "links"]).run().status(0);
    assert_eq!(std::fs::read_to_string(canary.join("secret")).unwrap(), "alive\n");
}

#[test]
fn a_read_only_root_takes_nothing_and_what_is_mounted_on_it_does() {
    for learner in learners() {
        let script = "for one in / /etc /etc/hosts /dev /dev/shm /memory /data; do \
                      if [ -d $one ]; then touch $one/x; else echo >>$one; fi 2>/dev/null && echo $one; done; pwd";
        let flags = ["--network", "none", "--read-only", "-v", "data:/data", "--tmpfs", "/memory", "-w", "/made/here"];
        shell(&learner, &flags, script).run().status(0).stdout("/dev\n/dev/shm\n/memory\n/data\n/made/here\n");
        learner.explore(["volume", "rm", "data"]).run().status(0);
    }
}

#[test]
fn memory_has_the_size_and_the_mode_that_were_asked_for() {
    for learner in learners() {
        let look = |flags: &[&str], place: &str| {
            let script = format!(
                "stat -c '%a' {place}; stat -fc '%b %S' {place} | (read a b; echo $((a * b))); \
                                  grep ' {place} ' /proc/mounts | cut -d' ' -f3,4 | tr , '\\n' | grep -E '^(noexec|nosuid|nodev|ro)$' | sort | tr '\\n' ' '"
            );
            shell(&learner, &[&["--network", "none"], flags].concat(), &script).run().status(0).out
        };
        assert_eq!(look(&["--tmpfs", "/new:size=1m,mode=700"], "/new"), "700\n1048576\nnodev noexec nosuid ");
        assert_eq!(look(&["--tmpfs", "/new:size=1m,exec,suid"], "/new"), "1777\n1048576\nnodev ");
        let mount = "type=tmpfs,dst=/new,tmpfs-size=2m,tmpfs-mode=750";
        assert_eq!(look(&["--mount", mount], "/new"), "750\n2097152\nnodev noexec nosuid ");
        // Where the image has a folder, its mode is the one that programs expect.
        assert_eq!(look(&["--tmpfs", "/tmp:size=1m"], "/tmp").lines().next(), Some("1777"));
        assert_eq!(look(&["--shm-size", "3m"], "/dev/shm"), "1777\n3145728\nnodev noexec nosuid ");
        assert_eq!(look(&[], "/dev/shm"), "1777\n67108864\nnodev noexec nosuid ");
    }
}

#[test]
fn mounts_pass_between_the_two_views_only_where_that_was_asked() {
    require!("stages::volumes::propagation", is_root(), "needs root to mount on the machine");
    let learner = learner();
    let work = learner.work().display().to_string();
    let mount = |script: &str| learner.program("sh", ["-c", script]).run().status(0);
    mount(&format!("mount -t tmpfs shared {work}; mount --make-shared {work}; mkdir {work}/in {work}/out"));
    for (mode, comes_in, goes_out) in [("rprivate", false, false), ("rslave", true, false), ("rshared", true, true)] {
        let volume = format!("{work}:/seen:{mode}");
        let script = "mount -t tmpfs inside /seen/out && touch /seen/out/of-inside; touch /ready; sleep 1000";
        let words = ["run", "-d", "--name", "box", "--cap-add", "SYS_ADMIN", "-v", &volume, "demo", "sh", "-c", script];
        learner.explore(words).run().status(0);
        crate::support::eventually("it has mounted", || {
            learner.explore(["exec", "box", "test", "-e", "/ready"]).run().code == 0
        });
        mount(&format!("mount -t tmpfs outside {work}/in && touch {work}/in/of-outside"));
        let seen = learner.explore(["exec", "box", "test", "-e", "/seen/in/of-outside"]).run().code == 0;
        let passed = learner.program("test", ["-e", &format!("{work}/out/of-inside")]).run().code == 0;
        assert_eq!((seen, passed), (comes_in, goes_out), "{mode}");
        learner.explore(["rm", "-f", "box"]).run().status(0);
        mount(&format!("umount {work}/in; umount {work}/out 2>/dev/null; true"));
    }
    mount(&format!("mount --make-private {work}"));
    let run = |mode: &str| {
        let volume = format!("{work}:/seen:{mode}");
        learner.explore(["run", "--rm", "-v", &volume, "demo", "true"]).run()
    };
    run("rshared").fails(125, "but it is not a shared mount");
    run("rslave").fails(125, "but it is not a shared or slave mount");
}
