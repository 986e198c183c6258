//! `--console-socket`: the master of the container's terminal arrives there.

use crate::bundle::Bundle;
use crate::support::{eventually, is_root, require};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::json;
use std::io::{IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

#[test]
fn the_master_of_its_terminal_arrives_at_the_socket() {
    require!("oci::terminal", is_root(), "needs root for a machine of its own");
    let bundle = Bundle::new();
    let path = bundle.learner.tmp().join("console");
    let listener = UnixListener::bind(&path).unwrap();
    bundle.script("tty; stty size; id -u >/dev/console; read -r line; echo heard $line");
    bundle.change(|config| {
        config["process"]["terminal"] = json!(true);
        config["process"]["consoleSize"] = json!({ "height": 33, "width": 77 });
        config["process"]["user"] = json!({ "uid": 1000, "gid": 1000 });
    });
    bundle.oci(["create", "--console-socket", path.to_str().unwrap(), "c"]).run().status(0).stdout("").stderr("");
    let mut master = std::fs::File::from(receive(&listener));
    bundle.oci(["start", "c"]).run().status(0);
    master.write_all(b"hello\n").unwrap();
    let mut said = Vec::new();
    // EIO once the last one has closed the other side: pty(7).
    let _ = master.read_to_end(&mut said);
    let said = String::from_utf8(said).unwrap().replace('\r', "");
    for line in ["/dev/pts/0\n", "33 77\n", "1000\n", "heard hello\n"] {
        assert!(said.contains(line), "{line:?} in {said:?}");
    }
    eventually("it has ended", || bundle.status_of("c") == "stopped");
    bundle.oci(["delete", "c"]).run().status(0);
}

fn receive(listener: &UnixListener) -> OwnedFd {
    let (stream, _) = listener.accept().unwrap();
    let mut buffer = [0; 256];
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let mut control = nix::cmsg_space!(i32);
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()).unwrap();
    let descriptors = message.cmsgs().unwrap().find_map(|one| match one {
        ControlMessageOwned::ScmRights(list) => Some(list),
        _ => None,
    });
    explore::kernel::process::own(descriptors.expect("a descriptor comes along")[0])
}
