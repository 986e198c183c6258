//! What somebody types who knows docker: it does the same here, or it is refused with the reason and with what helps.

use crate::support::{Learner, eventually, is_root, require};

const ROOT: &str = "containers of the tests run as root";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_flag_of_dockers_that_is_not_here_says_why_and_what_helps() {
    let learner = Learner::new();
    for (words, code, says) in [
        (&["run", "--restart", "always", "demo"][..], 125, "explore: no --restart always: no daemon stays behind"),
        (&["create", "--health-cmd=true", "demo"], 125, "explore: no --health-cmd: no daemon stays behind"),
        (&["container", "run", "--link", "a:b", "demo"], 125, "explore: no --link: links are docker's old way"),
        (&["run", "--log-driver", "syslog", "demo"], 125, "explore: no --log-driver syslog: what a container says"),
        (&["update", "--restart=always", "x"], 125, "explore: no --restart always: no daemon"),
        (&["update", "--restart=no", "nosuch"], 1, "explore: no such container: nosuch"),
        (
            &["network", "create", "--aux-address", "host=10.0.0.9", "net"],
            125,
            "explore: no --aux-address: no address is set aside",
        ),
        (&["pull", "-a", "demo"], 125, "explore: no -a: one name is fetched"),
        (&["build", "."], 2, "explore: no build: explore does not build images"),
        (&["login"], 2, "explore: no login: explore keeps no passwords"),
    ] {
        learner.explore(words).run().fails(code, says).stderr_has("hint: ");
    }
    // One that neither has is clap's to answer, and so is a wrong word for one that both have.
    learner.explore(["run", "--nosuch", "demo"]).run().status(125).stderr_has("unexpected argument '--nosuch'");
    learner.explore(["run", "--pull", "often", "demo"]).run().status(125).stderr_has("[possible values: missing, ");
}

/// docker run --help lists each flag of docker's; where docker is installed, none of them is unknown here.
#[test]
fn no_flag_of_docker_run_is_unknown() {
    require!(
        "cli::dockers_words::flags",
        crate::support::has_program("docker"),
        "it asks docker's client for its flags"
    );
    let learner = Learner::new();
    for (command, ours) in
        [("run", "run"), ("create", "create"), ("exec", "exec"), ("start", "start"), ("logs", "logs")]
    {
        let help = learner.program("docker", [command, "--help"]).run().status(0).out;
        let flags = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
        for flag in flags.map(|word| word.trim_end_matches(',')).filter(|flag| *flag != "--help") {
            // Without a value, and without an image: wrong in any case, and never for a flag that nobody has heard of.
            let told = learner.explore([ours, flag]).run().err;
            assert!(!told.contains("unexpected argument"), "{ours} {flag}: {told}");
        }
    }
}

#[test]
fn the_host_name_the_file_of_the_id_and_the_labels_of_a_file_are_as_docker_has_them() {
    require!("cli::dockers_words::make", is_root(), ROOT);
    let learner = Learner::new();
    let file = |name: &str, text: &str| std::fs::write(learner.work().join(name), text).unwrap();
    file("labels", "a=1\n# no\nbare\n");
    file("variables", "X=from-the-file\n");
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner.explore(["run", "--rm", "-h", "harbour", "demo", "hostname"]).run().status(0).stdout("harbour\n");
    let made =
        ["run", "-d", "--name", "box", "--cidfile", "id", "--label-file", "labels", "-l", "c=3", "demo", "sleep"];
    let id = learner.explore(made).arg("1000").run().status(0).out;
    assert_eq!(std::fs::read_to_string(learner.work().join("id")).unwrap(), id.trim_end());
    learner
        .explore(["run", "--rm", "--cidfile", "id", "demo", "true"])
        .run()
        .fails(125, "container ID file found, make sure the other container isn't running or delete id");
    learner.explore(["run", "--rm", "--cidfile", "none", "-w", "relative", "demo", "true"]).run().status(125);
    assert!(!learner.work().join("none").exists(), "there was no container");
    let labels = learner.explore([
        "inspect",
        "-f",
        "{{.Config.Labels.a}} {{index .Config.Labels \"c\"}} {{len .Config.Labels}}",
    ]);
    let shown = labels.arg("box").run().status(0).out;
    assert!(shown.starts_with("1 3 "), "{shown}");
    let of_file = learner.explore(["exec", "--env-file", "variables", "-e", "Y=2", "box", "sh", "-c", "echo $X $Y"]);
    of_file.run().status(0).stdout("from-the-file 2\n");
    learner.explore(["exec", "-u", "nosuch", "box", "true"]).run().fails(126, "unable to find user nosuch");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    learner.explore(["rm", "-f", "box"]).run().status(0).stdout("").stderr("explore: no such container: box\n");
}

#[test]
fn what_is_joined_and_when_an_image_is_fetched_is_said_by_flags() {
    require!("cli::dockers_words::bring", is_root(), ROOT);
    let learner = Learner::new();
    let both = ["demo", "sh", "-c", "echo out; echo err >&2"];
    learner.explore(["run", "--rm", "--pull", "never"]).args(both).run().fails(125, "no such image: demo");
    learner.explore(["run", "--rm", "-q"]).args(both).run().status(0).stdout("out\n").stderr("err\n");
    learner.explore(["run", "--rm", "-a", "stdout"]).args(both).run().status(0).stdout("out\n").stderr("");
    learner.explore(["run", "--rm", "-a", "stderr"]).args(both).run().status(0).stdout("").stderr("err\n");
    let again = learner.explore(["run", "--rm", "--pull=always"]).args(both).run().status(0).stdout("out\n");
    again.stderr_has("Pulling from demo");
    learner.explore(["run", "--rm", "-q", "--platform", "linux/s390x"]).args(both).run().fails(
        125,
        "image demo:latest was found, but it is not for the platform that was asked for: wanted linux/s390x",
    );
    learner
        .explore(["run", "-d", "-a", "stdout"])
        .args(both)
        .run()
        .fails(1, "cannot specify both --attach and --detach");
}

/// Docker's StdinOnce: the input of one that was made with -d is nobody's to end.
#[test]
fn whoever_attaches_and_has_nothing_to_say_ends_nothing() {
    require!("cli::dockers_words::attach", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["run", "-q", "-d", "-i", "--name", "echo", "demo", "cat"]).run().status(0);
    let joined = learner.explore(["attach", "--sig-proxy=false", "echo"]).stdin("typed\n").spawn();
    eventually("what was typed comes back", || learner.explore(["logs", "echo"]).run().out == "typed\n");
    let again = learner.explore(["attach", "echo"]).stdin("again\n").spawn();
    eventually("from another, too", || learner.explore(["logs", "echo"]).run().out == "typed\nagain\n");
    learner.explore(["inspect", "-f", "{{.State.Running}}", "echo"]).run().stdout("true\n");
    learner.explore(["rm", "-f", "echo"]).run().status(0);
    joined.finish("attach").status(137).stdout("typed\nagain\n");
    again.finish("attach").status(137);
}

#[test]
fn lists_are_narrowed_and_laid_out_as_docker_does() {
    require!("cli::dockers_words::lists", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    for name in ["team/tool:1.2", "team/tool:2", "tool:1.2"] {
        learner.explore(["tag", "demo", name]).run().status(0);
    }
    let images = |words: &[&str]| {
        let output = learner.explore(["images", "--format", "{{.Repository}}:{{.Tag}}"]).args(words).run().status(0);
        let mut found: Vec<String> = output.out.lines().map(str::to_owned).collect();
        found.sort();
        found.join(" ")
    };
    assert_eq!(images(&["team/tool"]), "team/tool:1.2 team/tool:2");
    assert_eq!(images(&["team/tool:2"]), "team/tool:2");
    assert_eq!(images(&["-f", "reference=*:1.?"]), "tool:1.2");
    assert_eq!(images(&["-f", "reference=*/*", "-a"]), "team/tool:1.2 team/tool:2");
    assert_eq!(images(&["nosuch"]), "");
    let title = "label=org.opencontainers.image.title=demo";
    assert_eq!(images(&["-f", "before=demo"]) + &images(&["-f", "since=demo"]) + &images(&["-f", "label=nosuch"]), "");
    assert_eq!(images(&["-f", title, "-f", "reference=demo", "-f", "until=1h"]), "demo:latest");
    learner.explore(["images", "-f", "before=nosuch"]).run().fails(1, "no such image: nosuch");
    learner.explore(["image", "prune", "-af", "--filter", "label=nosuch"]).run().stdout("Total reclaimed space: 0B\n");
    let id = learner.explore(["images", "-q", "demo"]).run().out.trim_end().to_owned();
    learner.explore(["rmi", &id]).run().fails(1, "(must be forced): image has several names");
    learner.explore(["rmi", "-f", "nosuch"]).run().status(0).stdout("").stderr("explore: no such image: nosuch\n");
    let steps = learner.explore(["history", "--format", "{{.Comment}}|{{.Size}}", "demo"]).run().status(0).out;
    assert!(lines(&steps).iter().all(|line| line.ends_with('B')), "{steps}");

    let run = ["run", "-d", "--name", "web", "-p", "127.0.0.1::80", "-v", "store:/store", "demo", "sleep", "1000"];
    learner.explore(run).run().status(0);
    let ps = |filter: &str| learner.explore(["ps", "--format", "{{.Names}}", "-f", filter]).run().status(0).out;
    for filter in ["volume=store", "volume=/store", "expose=80/tcp", "is-task=false"] {
        assert_eq!(ps(filter), "web\n", "{filter}");
    }
    for filter in ["volume=other", "publish=80", "expose=80/udp", "expose=81", "health=healthy", "id="] {
        assert_eq!(ps(filter), "", "{filter}");
    }
    let port = learner.explore(["port", "web", "80"]).run().out.trim_end().replace("127.0.0.1:", "");
    for filter in [&format!("publish={port}"), &format!("publish={port}-{port}/tcp")] {
        assert_eq!(ps(filter), "web\n", "{filter}");
    }
    learner.explore(["ps", "--format", "{{.LocalVolumes}}", "-n", "0"]).run().status(0).stdout("1\n");
    learner.explore(["ps", "--format", "raw"]).run().status(0).stdout_has("\nnames: web\n");
    let stats = learner.explore(["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "web"]).run().status(0);
    assert_eq!(stats.out, "web 1\n");
    let ports = "{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostIp}}";
    learner.explore(["inspect", "-f", ports, "web"]).run().status(0).stdout("127.0.0.1\n");
    learner.explore(["inspect", "-f", "{{.Name}}", "store", "bridge"]).run().status(0).stdout("store\nbridge\n");
    learner.explore(["volume", "inspect", "-f", "{{.Name}}", "store"]).run().status(0).stdout("store\n");
    learner.explore(["rm", "-f", "web"]).run().status(0);
    learner.explore(["rmi", "-f", &id]).run().status(0).stdout_has("Untagged: team/tool:1.2");
}

#[test]
fn networks_are_joined_under_further_names_and_at_chosen_addresses() {
    require!("cli::dockers_words::networks", is_root(), ROOT);
    let learner = Learner::new();
    let explore = |line: &str| learner.explore(line.split_whitespace()).run();
    explore("pull -q demo").status(0);
    explore("network create --subnet 10.81.0.0/24 back").status(0);
    explore("network create idle").status(0);
    explore("run -d --name one demo sleep 1000").status(0);
    explore("run -d --name two --network back demo sleep 1000").status(0);
    explore("network connect --alias store --ip 10.81.0.77 back one").status(0);
    explore("exec two getent hosts store").status(0).stdout_has("10.81.0.77");
    explore("network inspect -f {{.Name}} back").status(0).stdout("back\n");
    explore("network ls -f name=ack --format {{.Name}}").status(0).stdout("back\n");
    explore("network ls -f type=builtin --format {{.Name}}").status(0).stdout("bridge\nhost\nnone\n");
    explore("network ls -f driver=null --format {{.Name}}").status(0).stdout("none\n");
    explore("network ls -f scope=local -f name=on --format {{.Name}}").status(0).stdout("none\n");
    explore("network ls -q -f scope=swarm").status(0).stdout("");
    explore("network ls -f dangling=true --format {{.Name}}").status(0).stdout("idle\n");
    explore("network ls -f dangling=0 --format {{.Name}}").status(0).stdout("back\nbridge\nhost\nnone\n");
    explore("network ls -f dangling=some").status(125).stderr_has("invalid filter 'dangling=some'");
    explore("network inspect -f {{.Attachable}}{{.Ingress}}{{.ConfigOnly}}{{.ConfigFrom.Network}}{{.Options}} back")
        .status(0)
        .stdout("falsefalsefalsemap[]\n");
    explore("network inspect -f {{.Driver}}{{.IPAM.Config}} host").status(0).stdout("host[]\n");
    explore("network rm none").fails(1, "none is a pre-defined network and cannot be removed");
    explore("network connect host one")
        .fails(1, "container cannot be disconnected from host network or connected to host network");
    explore("network connect none one").fails(1, "container cannot be connected to multiple networks");
    explore("network disconnect none one").fails(1, "is not connected to network none");
    // It is so at the next start as well.
    explore("restart -t 0 one").status(0);
    explore("exec two getent hosts store").status(0).stdout_has("10.81.0.77");
    explore("network disconnect -f back one").status(0);
    explore("network rm -f nosuch").status(0).stdout("");
    explore("network prune").status(0).stdout("").stderr_has("[y/N]");
    explore("network prune -f --filter label=nosuch").status(0).stdout("");
    explore("network prune -f --filter nosuch=1").fails(1, "invalid filter 'nosuch'");
    explore("network prune -f --filter until=2100-01-01").status(0).stdout("Deleted Networks:\nidle\n\n");
    explore("rm -f one two").status(0);
    explore("network rm back").status(0);
}

/// A devcontainer's PID 1 is often `sleep infinity`, which collects nobody.
#[test]
fn a_container_ends_where_pid_1_of_the_machine_collects_nobody() {
    require!("cli::dockers_words::orphans", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let script = "mkfifo end; {
            $EXPLORE run -d --name box demo sleep 1000
            $EXPLORE exec -w /nosuch box true
            timeout 30 $EXPLORE stop -t 0 box >told 2>&1; echo $? >>told
            echo >end
        } >/dev/null 2>&1 & exec cat end";
    learner.program("unshare", ["--fork", "--pid", "--mount-proc", "sh", "-c", script]).run().status(0);
    assert_eq!(std::fs::read_to_string(learner.work().join("told")).unwrap(), "box\n0\n");
}

/// Without these, an image with an entry point could not be called with flags, `-v /:/x` behind the image would show this
/// machine to it, and a variable that is not set would make root of an ordinary user.
#[test]
fn what_is_behind_the_image_is_not_ours_and_what_is_empty_was_not_said() {
    require!("cli::dockers_words::rest", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let says = |words: &[&str], text: &str| {
        learner.explore(words).run().status(0).stdout(&format!("{text}\n"));
    };
    let run = ["run", "--rm", "--network", "none"];
    says(&[&run[..], &["--entrypoint", "sh", "demo", "-c", "echo hi"]].concat(), "hi");
    let behind = ["--entrypoint", "echo", "demo", "-v", "/:/host", "--rm", "--", "--user=9", "--json"];
    says(&[&run[..], &behind].concat(), "-v /:/host --rm -- --user=9 --json");
    says(&[&run[..], &["-m", "0", "-u", "1", "-u", "2", "-w", "", "demo", "sh", "-c", "id -u; pwd"]].concat(), "2\n/");
    says(&[&run[..], &["-w", "/a/../tmp//b/", "demo", "pwd"]].concat(), "/tmp/b");
    // A device that was shown is opened: it covers a file.
    says(&[&run[..], &["-v", "/dev/null:/etc/passwd", "demo", "sh", "-c", "wc -c </etc/passwd"]].concat(), "0");

    // Case does not matter, and nothing is as good as not said.
    let nothing = ["-a", "STDOUT", "--platform", "LINUX", "--cidfile", "", "-h", "", "--stop-timeout", "-1"];
    says(&[&run[..], &nothing, &["--rm=true", "--init=false", "demo", "echo", "hi"]].concat(), "hi");
    for (wrong, why) in [
        (["--label", ""], "invalid label '': empty name"),
        (["--cpuset-cpus", ",0"], "invalid value \",0\" for --cpuset-cpus"),
        (["--network", "alias=x"], "network name/id is not specified"),
    ] {
        learner.explore(["run", "--rm"]).args(wrong).args(["demo", "true"]).run().status(125).stderr_has(why);
    }

    let up = ["run", "-d", "--name", "/box", "-u", "1000", "-w", "/tmp", "demo", "sleep", "1000"];
    learner.explore(up).run().status(0);
    says(&["exec", "-u", "", "-w", "", "box", "sh", "-c", "id -u; pwd"], "1000\n/tmp");
    learner.explore(["exec", "box", "-u", "0", "id"]).run().status(127);
    learner.explore(["exec", "-e", "", "box", "id"]).run().status(125).stderr_has("invalid environment variable: ");
    learner.explore(["update", "--cpus", "0.5", "box"]).run().status(0);
    learner
        .explore(["update", "--cpu-quota", "5000", "box"])
        .run()
        .fails(1, "conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
    learner.explore(["update", "-m", "0", "box"]).run().status(0);
    learner.explore(["pause", "box"]).run().status(0);
    learner.explore(["kill", "-s", "CONT", "box"]).run().status(0);
    says(&["ps", "--format", "{{.Names}} {{.State}}"], "box running");
    says(&["kill", "-s", "", "box"], "box");
    learner.explore(["rm", "-f", "box"]).run().status(0);

    for name in ["one", "two"] {
        learner.explore(["create", "--name", name, "--network", "none", "demo", "sleep", "1000"]).run().status(0);
    }
    learner.explore(["start", "one", "nosuch", "two"]).run().status(1).stdout("one\ntwo\n").stderr_has("nosuch");
    learner.explore(["start", "-a", "one", "two"]).run().status(1).stderr_has("start and attach multiple containers");
    learner.explore(["rm", "-f", "one", "two"]).run().status(0);
}
