//! What can be known of containers, and asked for: `ps`, `inspect`, `logs`, `top`; and what changes one by its name.

use crate::containers::{background, learner, learners};
use crate::support::{Learner, eventually, is_root};
use serde_json::json;

fn explore(learner: &Learner, words: &[&str]) -> String {
    learner.explore(words).run().status(0).out
}

#[test]
fn ps_lists_those_of_which_the_filters_hold() {
    let learner = learner();
    background(&learner, "web1", "sleep 1000");
    let exits = ["run", "--name", "web2", "--label", "tier=front", "--label", "odd", "demo", "sh", "-c", "exit 3"];
    learner.explore(exits).run().status(3);
    explore(&learner, &["create", "--name", "db", "--label", "tier=back", "--network", "none", "demo", "true"]);
    let names = |filters: &[&str]| {
        let mut words = vec!["ps", "--format", "{{.Names}}"];
        words.extend(filters.iter().flat_map(|one| ["--filter", *one]));
        explore(&learner, &words).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["web1"]);
    assert_eq!(names(&["status=exited"]), ["web2"]);
    assert_eq!(names(&["status=created", "status=running"]), ["db", "web1"]);
    assert_eq!(names(&["exited=3"]), ["web2"]);
    assert_eq!(names(&["exited=0"]), [""; 0]);
    let all = |filters: &[&str]| {
        let mut words = vec!["ps", "-a", "--format", "{{.Names}}"];
        words.extend(filters.iter().flat_map(|one| ["-f", *one]));
        explore(&learner, &words).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(all(&["name=web"]), ["web2", "web1"]);
    assert_eq!(all(&["name=^/web2$"]), ["web2"]);
    assert_eq!(all(&["label=tier"]), ["db", "web2"]);
    assert_eq!(all(&["label=tier=front", "label=odd"]), ["web2"]);
    assert_eq!(all(&["label=tier", "name=db"]), ["db"]);
    assert_eq!(all(&["ancestor=demo"]), ["db", "web2", "web1"]);
    assert_eq!(all(&["ancestor=nosuch"]), [""; 0]);
    assert_eq!(all(&["network=none"]), ["db"]);
    assert_eq!(all(&["since=web1"]), ["db", "web2"]);
    assert_eq!(all(&["before=web2"]), ["web1"]);
    let id = explore(&learner, &["ps", "-q", "--no-trunc"]).trim().to_owned();
    assert_eq!(all(&[&format!("id={}", &id[..8])]), ["web1"]);
    assert_eq!(explore(&learner, &["ps", "-l", "--format", "{{.Names}}"]), "db\n");
    assert_eq!(explore(&learner, &["ps", "-n", "2", "--format", "{{.Names}}"]), "db\nweb2\n");
    learner.explore(["ps", "-f", "colour=red"]).run().fails(1, "invalid filter 'colour'");
    learner.explore(["ps", "-f", "status=happy"]).run().fails(1, "invalid filter 'status=happy'");
    learner.explore(["ps", "-f", "status"]).run().status(125).stderr_has("expected name=value");
    explore(&learner, &["rm", "-f", "web1", "web2", "db"]);
}

#[test]
fn ps_prints_what_a_template_names_and_refuses_what_it_does_not_know() {
    let learner = learner();
    let id = explore(&learner, &["create", "--name", "box", "--label", "a=1", "demo", "sleep", "1000"]);
    let row = explore(&learner, &["ps", "-a", "--format", "{{.ID}} {{.State}} {{.Command}} {{.Networks}}"]);
    assert_eq!(row, format!("{} created \"sleep 1000\" bridge\n", &id[..12]));
    let table = explore(&learner, &["ps", "-a", "--format", "table {{.Names}}\\t{{.Status}}"]);
    assert_eq!(table, "NAMES     STATUS\nbox       Created\n");
    let line: serde_json::Value =
        serde_json::from_str(&explore(&learner, &["ps", "-a", "--no-trunc", "--format", "json"])).unwrap();
    assert_eq!((line["ID"].as_str(), line["Names"].as_str()), (Some(id.trim()), Some("box")));
    learner.explore(["ps", "-a", "--format", "{{.Colour}}"]).run().fails(1, "can't evaluate field Colour");
    learner.explore(["ps", "--format", "{{template .}}"]).run().fails(1, "does not understand {{template .}}");
    learner.explore(["ps", "--format", "{{range .}}x"]).run().fails(1, "{{range .}} has no {{end}}");
    let sized = explore(&learner, &["ps", "-a", "-s"]);
    assert!(sized.lines().next().unwrap().ends_with("SIZE") && sized.contains("0B (virtual "), "{sized}");
    assert_eq!(explore(&learner, &["container", "ls", "-aq"]), format!("{}\n", &id[..12]));
}

#[test]
fn inspect_tells_of_a_container_what_docker_tells() {
    for learner in learners() {
        let flags = ["--hostname", "teapot", "-e", "A=1", "-w", "/tmp", "--label", "x=y", "-v", "/etc:/host:ro"];
        let start = [&["run", "-d", "--name", "box"][..], &flags, &["demo", "sh", "-c", "exit 3"]].concat();
        let id = explore(&learner, &start);
        explore(&learner, &["wait", "box"]);
        let all = learner.explore(["inspect", "box"]).run().status(0);
        assert!(all.out.starts_with("[\n    {\n        \""), "as docker indents it\n{}", all.shown());
        let all = all.json();
        let one = &all[0];
        assert_eq!(one["Id"], id.trim());
        assert_eq!(
            (&one["Name"], &one["Path"], &one["Args"]),
            (&json!("/box"), &json!("sh"), &json!(["-c", "exit 3"]))
        );
        let state = &one["State"];
        assert_eq!((&state["Status"], &state["ExitCode"], &state["Pid"]), (&json!("exited"), &json!(3), &json!(0)));
        assert!(state["StartedAt"].as_str().unwrap() <= state["FinishedAt"].as_str().unwrap());
        let config = &one["Config"];
        assert_eq!((&config["Hostname"], &config["WorkingDir"]), (&json!("teapot"), &json!("/tmp")));
        assert_eq!((&config["Labels"]["x"], &config["Cmd"]), (&json!("y"), &json!(["sh", "-c", "exit 3"])));
        assert!(config.get("StopSignal").is_none(), "nobody has named one");
        assert!(config["Env"].as_array().unwrap().contains(&json!("A=1")));
        let mount = json!([{ "Type": "bind", "Source": "/etc", "Destination": "/host", "Mode": "ro", "RW": false,
            "Propagation": "rprivate" }]);
        assert_eq!(one["Mounts"], mount);
        let upper = one["GraphDriver"]["Data"]["UpperDir"].as_str().unwrap();
        assert!(upper.ends_with(&format!("/containers/{}/upper", id.trim())), "{upper}");
        let image = explore(&learner, &["inspect", "-f", "{{.Image}}", "box"]);
        assert_eq!(explore(&learner, &["inspect", "-f", "{{.Id}}", "demo"]), image);
        explore(&learner, &["start", "box"]);
        explore(&learner, &["wait", "box"]);
        explore(&learner, &["rm", "box"]);
    }
}

#[test]
fn inspect_tells_of_an_image_what_docker_tells_and_of_nothing_an_empty_list() {
    let learner = learner();
    let image = learner.explore(["inspect", "demo"]).run().status(0).json();
    assert_eq!((&image[0]["RepoTags"], &image[0]["RootFS"]["Type"]), (&json!(["demo:latest"]), &json!("layers")));
    assert!(image[0]["Size"].as_u64().unwrap() > 0 && image[0]["Config"]["Env"].is_array());
    let none = learner.explore(["inspect", "nosuch", "demo"]).run().status(1).stderr_has("no such object: nosuch");
    assert_eq!(none.json()[0]["Id"], image[0]["Id"], "the other one is shown");
    learner.explore(["inspect", "nosuch"]).run().status(1).stdout("[]\n");
    learner.explore(["container", "inspect", "demo"]).run().status(1).stderr_has("no such container: demo");
    learner.explore(["inspect", "-f", "{{.Nope}}", "demo"]).run().fails(1, "can't evaluate field Nope");
    // Docker's types have what its JSON leaves out.
    let shown = "{{.Comment}}|{{.Config.Entrypoint}}|{{.Config.ExposedPorts}}|{{.Config.Labels.nosuch}}";
    learner.explore(["inspect", "-f", shown, "demo"]).run().stdout("|[]|map[]|<no value>\n");
}

#[test]
fn state_is_told_while_it_runs_and_is_held() {
    let learner = learner();
    background(&learner, "box", "sleep 1000; true");
    let state =
        || explore(&learner, &["inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}", "box"]);
    assert_eq!(state(), "running true false\n");
    let pid = explore(&learner, &["inspect", "-f", "{{.State.Pid}}", "box"]);
    let said = learner.program("cat", [format!("/proc/{}/comm", pid.trim())]).run().status(0).out;
    assert_eq!(said, "sh\n");
    if is_root() {
        explore(&learner, &["pause", "box"]);
        assert_eq!(state(), "paused true true\n");
        explore(&learner, &["unpause", "box"]);
    }
    assert!(explore(&learner, &["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "box"]).starts_with("172."));
}

#[test]
fn logs_are_cut_at_both_ends_and_go_on_until_the_end() {
    let learner = learner();
    background(&learner, "box", "for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done; read x </pipe; echo last");
    let logs = |flags: &[&str]| explore(&learner, &[&["logs"], flags, &["box"]].concat());
    explore(&learner, &["exec", "box", "sh", "-c", "mkfifo /pipe 2>/dev/null; true"]);
    eventually("five lines", || logs(&[]).lines().count() == 5 || logs(&[]).contains("last"));
    assert_eq!(logs(&["--tail", "2"]), "line 4\nline 5\n");
    assert_eq!(logs(&["-n", "0"]), "");
    assert_eq!(logs(&["-n", "all"]).lines().count(), 5);
    let times = logs(&["-t"]);
    let third = times.lines().nth(2).unwrap().split(' ').next().unwrap();
    assert_eq!(logs(&["--since", third]), "line 3\nline 4\nline 5\n");
    assert_eq!(logs(&["--until", third]), "line 1\nline 2\nline 3\n");
    assert_eq!(logs(&["--since", "1h"]).lines().count(), 5);
    assert_eq!(logs(&["--until", "1h"]), "");
    let follower = learner.explore(["logs", "-f", "--tail", "1", "box"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(200));
    explore(&learner, &["rm", "-f", "box"]);
    follower.finish("logs -f").status(0).stdout("line 5\n");
    learner.explore(["logs", "--since", "yesterday", "nosuch"]).run().status(125).stderr_has("is no time");
}

#[test]
fn whoever_follows_hears_the_last_word_of_one_that_goes_with_its_end() {
    for learner in learners() {
        let script = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05; done";
        let words = ["run", "-d", "--rm", "--name", "box", "demo", "sh", "-c", script];
        learner.explore(words).run().status(0);
        let followers: Vec<_> = [&[][..], &["--json"]]
            .iter()
            .map(|flags| learner.explore(["logs", "-f"]).args(*flags).arg("box").spawn())
            .collect();
        eventually("the handler is set", || explore(&learner, &["logs", "box"]) == "up\n");
        std::thread::sleep(std::time::Duration::from_millis(200));
        explore(&learner, &["stop", "box"]);
        let told: Vec<String> = followers.into_iter().map(|one| one.finish("logs -f").status(0).out).collect();
        assert_eq!(told[0], "up\nbye\n");
        let last: serde_json::Value = serde_json::from_str(told[1].lines().last().unwrap()).unwrap();
        assert_eq!(last["log"], "bye\n");
    }
}

#[test]
fn top_shows_the_processes_by_their_numbers_out_here() {
    for learner in learners() {
        background(&learner, "box", "sleep 500 & sleep 600");
        eventually("both are there", || explore(&learner, &["top", "box"]).contains("sleep 600"));
        let table = explore(&learner, &["top", "box"]);
        let heading: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(heading, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
        let pid = explore(&learner, &["inspect", "-f", "{{.State.Pid}}", "box"]).trim().to_owned();
        let listed = explore(&learner, &["top", "box", "-o", "pid,args"]);
        assert!(listed.lines().any(|line| line.split_whitespace().next() == Some(&pid)), "{pid}\n{listed}");
        assert_eq!(listed.lines().count(), 4, "{listed}");
        explore(&learner, &["rm", "-f", "box"]);
        learner.explore(["top", "box"]).run().fails(1, "no such container");
    }
}

#[test]
fn a_name_changes_while_it_runs_and_stays_changed() {
    for learner in learners() {
        background(&learner, "old", "sleep 1000");
        explore(&learner, &["create", "--name", "taken", "demo", "true"]);
        learner.explore(["rename", "old", "taken"]).run().fails(1, "the container name \"taken\" is already in use");
        learner.explore(["rename", "old", "old"]).run().fails(1, "same name as its current name");
        learner.explore(["rename", "old", "-x"]).run().status(125);
        learner.explore(["rename", "old", "a b"]).run().fails(1, "is no name for a container");
        learner.explore(["rename", "old", "new"]).run().status(0).stdout("").stderr("");
        learner.explore(["restart", "-t", "0", "new"]).run().status(0).stdout("new\n").stderr("");
        assert_eq!(explore(&learner, &["ps", "--format", "{{.Names}}"]), "new\n");
        explore(&learner, &["stop", "-t", "0", "new"]);
        learner.explore(["start", "old"]).run().fails(1, "no such container: old");
        explore(&learner, &["rm", "new", "taken"]);
    }
}

#[test]
fn what_goes_at_its_end_is_kept_by_a_restart_and_goes_at_the_next_end() {
    for learner in learners() {
        explore(&learner, &["run", "-d", "--rm", "--name", "brief", "demo", "sleep", "1000"]);
        explore(&learner, &["exec", "brief", "touch", "/mine"]);
        learner.explore(["restart", "-t", "0", "brief"]).run().status(0).stdout("brief\n").stderr("");
        explore(&learner, &["exec", "brief", "test", "-e", "/mine"]);
        explore(&learner, &["stop", "-t", "0", "brief"]);
        eventually("it is gone", || explore(&learner, &["ps", "-aq"]).is_empty());
    }
}

#[test]
fn prune_takes_what_does_not_run_and_asks_before() {
    let learner = learner();
    background(&learner, "runs", "sleep 1000");
    let labelled = explore(&learner, &["create", "--name", "one", "--label", "keep", "demo", "true"]);
    let id = explore(&learner, &["create", "--name", "two", "demo", "true"]);
    let asked = learner.explore(["container", "prune"]).stdin("n\n").run().status(0).stdout("");
    assert!(asked.err.starts_with("WARNING! This will remove all stopped containers."), "{}", asked.shown());
    let told = learner.explore(["container", "prune", "-f", "--filter", "label!=keep"]).run().status(0).stderr("");
    assert_eq!(told.out, format!("Deleted Containers:\n{id}\nTotal reclaimed space: 0B\n"));
    let told = learner.explore(["container", "prune"]).stdin("y\n").run().status(0);
    assert_eq!(told.out, format!("Deleted Containers:\n{labelled}\nTotal reclaimed space: 0B\n"));
    assert_eq!(explore(&learner, &["ps", "-a", "--format", "{{.Names}}"]), "runs\n");
    learner.explore(["container", "prune", "-f", "--filter", "name=x"]).run().fails(1, "invalid filter 'name'");
}

#[test]
fn lists_are_printed_in_the_form_that_was_asked_for() {
    let learner = learner();
    explore(&learner, &["volume", "create", "--label", "a=b", "data"]);
    explore(&learner, &["network", "create", "--internal", "inner"]);
    for (list, format, printed) in [
        (&["images"][..], "{{.Repository}}:{{.Tag}}", "demo:latest\n"),
        (&["images"], "table {{.Repository}}\\t{{.Tag}}", "REPOSITORY   TAG\ndemo         latest\n"),
        (&["volume", "ls"], "{{.Name}} {{.Driver}} {{.Labels}}", "data local a=b\n"),
        (&["volume", "ls"], "table {{.Name}}", "VOLUME NAME\ndata\n"),
        (&["network", "ls"], "{{.Name}} {{.Internal}}", "host false\ninner true\nnone false\n"),
    ] {
        let told = learner.explore(list).args(["--format", format]).run().status(0).stderr("").out;
        assert!(told.ends_with(printed), "{list:?} {format}: {told}");
    }
    for list in [&["images"][..], &["volume", "ls"], &["network", "ls"], &["ps"]] {
        let told = learner.explore(list).args(["--format", "{{.Nonsense}"]).run();
        told.fails(1, "template parsing error");
    }
    let told = explore(&learner, &["images", "--format", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap()["Repository"], "demo");
    let digests = explore(&learner, &["images", "--digests"]);
    assert!(digests.lines().next().unwrap().contains("DIGEST") && digests.contains("sha256:"), "{digests}");
}
