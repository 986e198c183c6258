//! `diff`: what a container says that it has changed.

use crate::engine::{Engine, Seen};

/// Things that people do to files, and some that look like nothing.
const SCRIPT: &str = "
    echo new >/new; mkdir -p /folder/below; echo x >/folder/below/file; ln -s /new /link; mkfifo /pipe
    echo more >>/etc/passwd; chmod 600 /etc/group; cat /etc/passwd >/dev/null
    rm /etc/motd; rm -rf /home/*; mv /etc/hosts.kept /etc/moved 2>/dev/null
    touch /tmp/gone; rm /tmp/gone; echo y >/dev/shm/not-on-disk; mkdir /root/was; rmdir /root/was
    echo hosts >>/etc/hosts
";

pub(crate) fn diff(engine: &Engine) -> Seen {
    engine.command(&["run", "--name", "facts", "--network", "none", "demo", "sh", "-c", SCRIPT]).run().status(0);
    let told = engine.command(&["diff", "facts"]).run().status(0).out;
    engine.end();
    told.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(kind, path)| (path.to_owned(), kind.to_owned()))
        .collect()
}
