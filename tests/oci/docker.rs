//! The real dockerd, with explore as its runtime: `docker run` goes through our stages.

use crate::support::{Learner, Output, Running, eventually, has_program, is_root, require};
use nix::sys::signal::Signal;

/// dockerd on the learner's own machine; it ends with the machine.
pub(crate) struct Docker {
    pub(crate) learner: Learner,
    socket: String,
    daemon: Running,
}

impl Docker {
    pub(crate) fn start() -> Self {
        let learner = Learner::new();
        learner.explore(["pull", "-q", "demo"]).run().status(0);
        let folder = |name: &str| learner.home().join(name).display().to_string();
        // By path: dockerd's flag takes no words.
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_explore"), folder("explore-oci")).unwrap();
        let socket = format!("unix://{}", folder("d.sock"));
        let words =
            ["--data-root", &folder("d"), "--exec-root", &folder("x"), "--pidfile", &folder("d.pid"), "-H", &socket];
        let runtime = format!("--add-runtime=explore={}", folder("explore-oci"));
        let flags = ["--bridge=none", "--iptables=false", "--default-runtime=explore"];
        let daemon = learner.program("dockerd", words).args(flags).arg(runtime).quiet().spawn();
        let docker = Self { learner, socket, daemon };
        eventually("dockerd answers", || docker.run(&["version"]).code == 0);
        let demo = docker.learner.home().join("demo.tar").display().to_string();
        docker.learner.explore(["save", "-o", &demo, "demo"]).run().status(0);
        docker.run(&["load", "-q", "-i", &demo]).status(0);
        docker
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.learner.program("docker", ["-H", &self.socket]).args(words).run()
    }

    /// `docker run --rm --network none FLAGS demo sh -c SCRIPT`.
    fn script(&self, flags: &[&str], script: &str) -> Output {
        self.run(&[&["run", "--rm", "--network", "none"], flags, &["demo:latest", "sh", "-c", script]].concat())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // In good order, so that it takes its mounts and its containerd along.
        self.daemon.signal(Signal::SIGTERM);
        let pid = self.daemon.pid;
        eventually("dockerd has ended", || {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
        });
    }
}

#[test]
fn docker_run_goes_through_our_stages() {
    let able = is_root() && has_program("dockerd");
    require!("oci::docker", able, "needs root and dockerd(8)");
    let docker = Docker::start();
    docker.script(&[], "echo said; echo told >&2; exit 3").status(3).stdout("said\n").stderr("told\n");
    docker.script(&["-i"], "exit 0").status(0);
    docker.script(&[], "kill -9 $$; exit 5").status(5);
    // The exit codes that docker's client makes of the runtime's words.
    docker.run(&["run", "--rm", "--network", "none", "demo:latest", "/nosuch"]).status(127).stderr_has("/nosuch");
    docker.run(&["run", "--rm", "--network", "none", "demo:latest", "nosuch"]).status(127).stderr_has("nosuch");
    docker.run(&["run", "--rm", "--network", "none", "demo:latest", "/etc"]).status(126).stderr_has("execve(\"/etc\"");
    docker.script(&["-u", "1000:7"], "id -u; id -g; echo x >/dev/stderr").status(0).stdout("1000\n7\n").stderr("x\n");
    docker.script(&["--read-only", "--tmpfs", "/t"], "touch /x || touch /t/x && ls /t").status(0).stdout("x\n");
    docker.script(&["--privileged"], "ls /dev/kmsg; grep Seccomp: /proc/self/status").status(0).stdout_has("\t0\n");
    docker.script(&["--pid", "host"], "test $$ -ne 1").status(0);
    let limits = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true";
    docker.script(&["--pids-limit", "77", "--memory", "64m"], limits).status(0).stdout("77\n");
    let words = [
        "run",
        "--rm",
        "-i",
        "-t",
        "--network",
        "none",
        "demo:latest",
        "sh",
        "-c",
        "tty; while [ \"$(stty size)\" = '0 0' ]; do sleep 0.1; done; stty size; exit 4",
    ];
    let told = docker.learner.program("docker", ["-H", &docker.socket]).args(words).terminal(80).finish();
    assert!(told.code == 4 && told.out.contains("/dev/pts/0") && told.out.contains("50 80"), "{}", told.shown());
}

#[test]
fn what_docker_does_to_a_container_reaches_ours() {
    let able = is_root() && has_program("dockerd");
    require!("oci::docker_commands", able, "needs root and dockerd(8)");
    let docker = Docker::start();
    let run = |words: &[&str]| docker.run(words);
    run(&["run", "-d", "--name", "box", "--network", "none", "demo:latest", "sleep", "1000"]).status(0);
    run(&["exec", "box", "sh", "-c", "ps -e | wc -l; exit 9"]).status(9);
    run(&["exec", "-u", "1000", "-w", "/tmp", "-e", "X=y", "box", "sh", "-c", "id -u; pwd; echo $X"])
        .status(0)
        .stdout("1000\n/tmp\ny\n");
    let words = ["exec", "-it", "box", "tty"];
    let told = docker.learner.program("docker", ["-H", &docker.socket]).args(words).terminal(80).finish();
    assert!(told.code == 0 && told.out.contains("/dev/pts/0"), "{}", told.shown());
    run(&["top", "box"]).status(0).stdout_has("sleep 1000");
    run(&["stats", "--no-stream", "box"]).status(0);
    run(&["pause", "box"]).status(0);
    run(&["ps"]).status(0).stdout_has("(Paused)");
    run(&["unpause", "box"]).status(0);
    run(&["update", "--pids-limit", "55", "box"]).status(0);
    run(&["exec", "box", "sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true"])
        .stdout("55\n");
    run(&["kill", "-s", "HUP", "box"]).status(0);
    run(&["stop", "-t", "1", "box"]).status(0);
    let state = ["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box"];
    run(&state).stdout("exited 137\n");
    run(&["start", "box"]).status(0);
    run(&["restart", "-t", "0", "box"]).status(0);
    run(&state).stdout("running 0\n");
    run(&["rm", "-f", "box"]).status(0);
    run(&["ps", "-aq"]).stdout("");
}
