//! What a process inside inherits: descriptors, the working directory, the program that started it.

use crate::forge::Forge;
use crate::peer::Peer;
use crate::support::{eventually, is_root, require};

const ROOT: &str = "needs root for a machine of its own";

/// A command that runs with descriptor 7 open on the canary, and 8 on the folder around it.
const LEAKY: [&str; 4] = ["sh", "-c", "exec 7<>$OUTSIDE/canary 8<$OUTSIDE; exec \"$@\"", "sh"];

#[test]
fn a_descriptor_that_the_caller_left_open_does_not_get_in() {
    require!("attack::descriptors", is_root(), ROOT);
    // CVE-2016-9962, CVE-2024-21626
    let peer = Peer::with(|_| Forge::default().file("x", ""));
    let leaky = |words: &[&str]| peer.learner.explore(words).env("OUTSIDE", &peer.outside).wrapped_by(LEAKY);
    let steal = "cat <&7; echo dead >&7; cat /proc/self/fd/8/canary; cd /proc/self/fd/8 && echo dead >canary";
    let told = leaky(&["run", "--rm", "--network", "none", "evil:1", "sh", "-c", steal]).run();
    assert!(told.out.is_empty() && told.code != 0, "{}", told.shown());
    // And by name: PID 1 has 0, 1 and 2, and so has what exec starts.
    leaky(&["run", "-d", "--name", "box", "--network", "none", "evil:1", "sleep", "1000"]).run().status(0);
    peer.learner.explore(["exec", "box", "ls", "/proc/1/fd"]).run().status(0).stdout("0\n1\n2\n");
    let joined = leaky(&["exec", "box", "sleep", "2000"]).spawn();
    let list =
        "for one in /proc/[0-9]*; do case $(tr '\\0' ' ' <$one/cmdline) in 'sleep 2000 ') ls $one/fd ;; esac; done";
    eventually("the second process has its three descriptors", || {
        peer.learner.explore(["exec", "box", "sh", "-c", list]).run().out == "0\n1\n2\n"
    });
    leaky(&["exec", "box", "sh", "-c", steal]).run();
    peer.learner.explore(["rm", "-f", "box"]).run().status(0);
    joined.finish("exec").status(137);
    peer.assert_untouched();
    let told = peer.unguarded(&format!(
        "exec 7<>$OUTSIDE/canary 8<$OUTSIDE; mount -t proc proc $ROOT/proc; chroot $ROOT sh -c '{steal}'"
    ));
    assert!(told.out.contains("alive"), "{}", told.shown());
    peer.assert_reached(&told);
}

#[test]
fn the_program_that_started_it_can_be_written_where_it_is_not_sealed() {
    require!("attack::exe", is_root(), ROOT);
    // The other half of `stages::safety::our_own_program_cannot_be_written_from_inside` (CVE-2019-5736).
    let peer = Peer::with(|_| Forge::default().file("x", ""));
    let engine = peer.outside.join("canary");
    std::fs::copy("/bin/sleep", &engine).unwrap();
    // Until its memory is gone the file is busy (ETXTBSY): a moment longer than it can be seen.
    // And before it is the engine, the process is the shell that becomes it.
    let script = "$OUTSIDE/canary 1000 & mount -t proc proc $ROOT/proc; \
                  until test $ROOT/proc/$!/exe -ef $OUTSIDE/canary; do sleep 0.01; done; chroot $ROOT sh -c \"exec 3</proc/$!/exe; \
                  kill -9 $!; i=0; until (echo dead >/proc/self/fd/3) 2>/dev/null; do \
                  i=\\$((i+1)); test \\$i -lt 100 || exit 1; sleep 0.1; done\"";
    let told = peer.unguarded(script);
    assert_eq!(std::fs::read(&engine).unwrap(), b"dead\n", "{}", told.shown());
}
