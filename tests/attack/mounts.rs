//! Links of the image in the places where an engine mounts, masks or writes.

use crate::peer::Peer;
use crate::support::{is_root, require};

const ROOT: &str = "needs root for a machine of its own";

#[test]
fn the_images_dev_null_is_not_what_masks() {
    require!("attack::dev_null", is_root(), ROOT);
    // CVE-2025-31133: whoever binds the image's /dev/null over /proc/… shows the target of that link instead, rw.
    let peer = Peer::with(|outside| {
        crate::forge::Forge::default().folder("dev").link("dev/null", &format!("{outside}/canary"))
    });
    let masked = "/proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/interrupts";
    let script =
        format!("for file in {masked}; do echo dead >>$file; head -c 20 $file; done 2>/dev/null; echo x >/dev/null");
    peer.explore(&[], &script).status(0).stdout("");
    peer.assert_untouched();
    let careless = "mount -t proc proc $ROOT/proc; mount --bind $ROOT/dev/null $ROOT/proc/keys; \
                    chroot $ROOT sh -c 'echo dead >/proc/keys'";
    let told = peer.unguarded(careless);
    peer.assert_reached(&told);
}

#[test]
fn the_images_console_is_not_what_the_terminal_is_bound_to() {
    require!("attack::console", is_root(), ROOT);
    // CVE-2025-52565
    let peer = Peer::with(|outside| {
        let canary = format!("{outside}/canary");
        crate::forge::Forge::default().folder("dev").link("dev/console", &canary).link("dev/pts", outside)
    });
    let script = "test -c /dev/console && test ! -h /dev/console && echo a console; echo dead >/dev/console";
    let words = ["run", "--rm", "-t", "--network", "none", "evil:1", "sh", "-c", script];
    let told = peer.learner.explore(words).terminal(80).finish();
    assert!(told.out.contains("a console"), "{}", told.shown());
    peer.assert_untouched();
    let told = peer.unguarded("echo tty >$ROOT/tty; mount --bind $ROOT/tty $ROOT/dev/console; cat $OUTSIDE/canary; echo new >$ROOT/dev/pts/new");
    assert_eq!(told.out, "tty\n", "the peer's mount lands outside\n{}", told.shown());
    peer.assert_reached(&told);
}

#[test]
fn a_proc_full_of_fakes_is_covered_and_a_file_in_its_place_refused() {
    require!("attack::fakes", is_root(), ROOT);
    // CVE-2019-19921, CVE-2019-16884, CVE-2023-27561: attributes and masks written into a proc that is none.
    let fakes = || {
        let forge = crate::forge::Forge::default().folder("proc").folder("proc/self").folder("proc/self/attr");
        forge
            .file("proc/self/status", "FAKE\n")
            .file("proc/self/attr/exec", "")
            .folder("proc/sys")
            .file("proc/keys", "FAKE\n")
    };
    let peer = Peer::with(|_| fakes());
    let told = peer.explore(&[], "cat /proc/self/status /proc/keys; echo x >/proc/sys/kernel/hostname");
    assert!(told.out.contains("CapBnd") && !told.out.contains("FAKE"), "{}", told.shown());
    assert!(told.err.contains("Read-only file system"), "{}", told.shown());
    let told = peer.unguarded("chroot $ROOT cat /proc/self/status");
    assert_eq!(told.out, "FAKE\n", "a peer that mounts no proc believes the image");
    for folder in ["proc", "sys", "dev"] {
        let peer = Peer::with(|_| crate::forge::Forge::default().file(folder, "a file"));
        let told = peer.explore(&[], "true").fails(125, &format!("at /{folder}"));
        assert!(told.err.contains("something else there than a plain folder"), "{}", told.shown());
    }
}

#[test]
fn links_at_proc_sys_and_dev_lead_the_peer_outside() {
    require!("attack::links", is_root(), ROOT);
    // What `stages::safety` shows to be refused: CVE-2025-52881, CVE-2026-41579.
    for folder in ["proc", "sys", "dev"] {
        let peer = Peer::with(|outside| crate::forge::Forge::default().link(folder, outside));
        peer.explore(&[], "true").fails(125, &format!("at /{folder}"));
        peer.assert_untouched();
        let told = peer.unguarded(&format!("mount -t tmpfs tmpfs $ROOT/{folder}; ls $OUTSIDE; touch $ROOT/{folder}/x"));
        assert_eq!(told.out, "", "the peer's mount lands on {folder}'s target\n{}", told.shown());
    }
}

#[test]
fn a_working_directory_that_is_a_link_stays_inside() {
    require!("attack::workdir", is_root(), ROOT);
    // CVE-2018-15664, CVE-2019-18466: a path of the container resolved by the engine, outside.
    let peer = Peer::with(|outside| {
        let up = format!("{}{outside}", "../".repeat(12));
        crate::forge::Forge::default().link("out", outside).link("up", &up)
    });
    for folder in ["/out", "/up", "/out/new", "/up/new"] {
        // The link is followed where it leads inside, and what is missing there is made there.
        peer.explore(&["-w", folder], "pwd; echo dead >canary");
        peer.assert_untouched();
        let told = peer.unguarded(&format!("mkdir -p $ROOT{folder}; cd $ROOT{folder} && echo dead >canary"));
        peer.assert_reached(&told);
    }
}

#[test]
fn a_volume_whose_place_is_a_link_lies_inside() {
    require!("attack::volumes", is_root(), ROOT);
    // CVE-2017-1002101 and its kin: the target of a mount, and what a new volume is filled from, as strings.
    let peer = Peer::with(|outside| {
        let up = format!("{}{outside}", "../".repeat(12));
        crate::forge::Forge::default().link("out", outside).link("up", &up)
    });
    for folder in ["/out", "/up"] {
        let flags = ["-v", &format!("new:{folder}")];
        let told = peer.explore(&flags, &format!("echo dead >{folder}/canary; grep -c ' {folder} ' /proc/mounts"));
        assert_eq!((told.out.as_str(), told.code), ("0\n", 1), "it is mounted where the link leads: {}", told.shown());
        peer.learner.explore(["volume", "rm", "new"]).run().status(0);
        peer.explore(&["--tmpfs", folder], &format!("echo dead >{folder}/canary")).status(0);
        peer.assert_untouched();
        let mount =
            format!("mkdir $OUTSIDE/../v; mount --bind $OUTSIDE/../v $ROOT{folder}; echo dead >$OUTSIDE/canary; ");
        let told = peer.unguarded(&(mount + "cat $OUTSIDE/../v/canary; rm -r $OUTSIDE/../v 2>&1"));
        assert!(told.out.starts_with("dead\n"), "the peer's mount does not cover the outside\n{}", told.shown());
        // Filled from `/out`, a volume of ours takes the image's side of it: nothing. The peer's takes the canary.
        peer.explore(&["-v", &format!("new:{folder}")], &format!("ls -A {folder}/")).stdout("");
        peer.learner.explore(["volume", "rm", "new"]).run().status(0);
        assert_eq!(peer.unguarded(&format!("cat $ROOT{folder}/.//canary")).out, "alive\n");
    }
}
