//! A hostile root through this door, with the same guards, and the same attack where they are missing.

use crate::bundle::{Bundle, fails};
use crate::support::{is_root, require};
use serde_json::json;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

const ROOT: &str = "needs root for a machine of its own";

/// A bundle whose root may be written, and a folder outside with a canary.
fn hostile() -> (Bundle, PathBuf) {
    let bundle = Bundle::new();
    bundle.change(|config| config["root"]["readonly"] = json!(false));
    let outside = bundle.learner.work().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("canary"), "alive\n").unwrap();
    (bundle, outside)
}

#[track_caller]
fn assert_untouched(outside: &std::path::Path) {
    assert_eq!(std::fs::read_to_string(outside.join("canary")).unwrap(), "alive\n");
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 1, "something new stands outside");
}

#[test]
fn a_proc_that_is_a_link_is_refused() {
    require!("oci::attacks::proc", is_root(), ROOT);
    // CVE-2019-16884, CVE-2019-19921, CVE-2025-52881: what is mounted, masked and written lands where the link leads.
    for name in ["proc", "sys", "dev"] {
        let (bundle, outside) = hostile();
        let folder = bundle.rootfs.join(name);
        bundle.learner.at_machine(|| {
            std::fs::remove_dir_all(&folder).unwrap();
            symlink(&outside, &folder).unwrap();
        });
        bundle.script("true");
        fails(bundle.oci(["run", "c"]).run(), "the image has something else there than a plain folder");
        assert_untouched(&outside);
        // The same mount without the guard: the peer's lands outside.
        let careless =
            format!("mount -t tmpfs tmpfs {}/{name} && ls -A {}", bundle.rootfs.display(), outside.display());
        let told = bundle.learner.program("unshare", ["--mount", "sh", "-c", &careless]).run().status(0);
        assert_eq!(told.out, "", "the canary is covered\n{}", told.shown());
    }
}

#[test]
fn no_descriptor_leads_out_and_the_runtime_cannot_be_written() {
    require!("oci::attacks::descriptors", is_root(), ROOT);
    let (bundle, outside) = hostile();
    let typed = format!("exec 7<{} 8<{}/canary; exec \"$EXPLORE\" oci run c", outside.display(), outside.display());
    let run = || bundle.learner.program("sh", ["-c", &typed]).folder(&bundle.folder).run();
    // CVE-2024-21626: a working directory by way of a descriptor that was left open.
    for number in 3..12 {
        bundle.script("cat canary; cat ../outside/canary");
        bundle.change(|config| config["process"]["cwd"] = json!(format!("/proc/self/fd/{number}")));
        let told = run();
        assert!(told.code != 0 && !told.out.contains("alive"), "{number}: {}", told.shown());
    }
    bundle.change(|config| config["process"]["cwd"] = json!("/"));
    bundle.script("for fd in /proc/self/fd/*; do readlink $fd; done; cat <&8");
    let told = run();
    assert!(!told.out.contains("outside") && !told.out.contains("alive"), "{}", told.shown());
    // CVE-2019-5736: the program is a script whose interpreter is whoever starts it.
    let own = std::fs::read(env!("CARGO_BIN_EXE_explore")).unwrap();
    bundle.put("trap", "#!/proc/self/exe\n");
    bundle.sleeper("c");
    let reach = "for exe in /proc/[0-9]*/exe; do echo dead 2>/dev/null >>$exe && echo written $exe; done; true";
    let told = bundle.oci(["exec", "c", "/trap"]).run();
    assert_ne!(told.code, 0, "{}", told.shown());
    bundle.oci(["exec", "c", "sh", "-c", reach]).run().status(0);
    assert_eq!(own, std::fs::read(env!("CARGO_BIN_EXE_explore")).unwrap(), "our own program was written");
    bundle.oci(["delete", "--force", "c"]).run().status(0);
    assert_untouched(&outside);
}

#[test]
fn one_that_waits_for_its_start_cannot_be_looked_into() {
    require!("oci::attacks::held", is_root(), ROOT);
    // CVE-2016-9962: a process of the same container, with the same rights, takes a descriptor from one that still has it.
    let (bundle, _) = hostile();
    bundle.script("sleep 1000");
    bundle.oci(["create", "c"]).quiet().run().status(0);
    let look = "for f in /proc/1/fd/* /proc/1/exe /proc/1/cwd; do readlink $f; (exec <$f) && echo opened $f; done \
        2>/dev/null; head -c 1 /proc/1/environ; echo end";
    bundle.oci(["exec", "c", "sh", "-c", look]).run().status(0).stdout("end\n");
    bundle.oci(["start", "c"]).run().status(0);
    // Once it is its program, which holds nothing of ours, there is no reason to hide it.
    bundle.oci(["exec", "c", "sh", "-c", look]).run().status(0).stdout_has("opened /proc/1/cwd\n");
    bundle.oci(["exec", "c", "ls", "/proc/1/fd"]).run().status(0).stdout("0\n1\n2\n");
    bundle.oci(["delete", "--force", "c"]).run().status(0);
}

#[test]
fn devices_of_the_host_stay_closed() {
    require!("oci::attacks::devices", is_root(), ROOT);
    let (bundle, _) = hostile();
    bundle.change(|config| {
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set].as_array_mut().unwrap().push(json!("CAP_MKNOD"));
        }
    });
    // The canary: a character device that no rule allows (/dev/kmsg, or /dev/mem).
    bundle
        .script("mknod /k c 1 11 && mknod /tmp/k c 1 11; cat /k 2>&1; cat /tmp/k 2>&1; echo x >/dev/null && echo open");
    let told = bundle.oci(["run", "c"]).run();
    let refused = told.out.matches("Operation not permitted").count() + told.out.matches("Permission denied").count();
    assert!(refused == 2 && told.out.ends_with("open\n"), "{}", told.shown());
}
