//! Pictures of what is there: what each shows is compared with what other tools say of the same container.

use crate::support::{HostState, Learner, is_root, require};
use serde_json::Value;
use std::path::Path;

const ROOT: &str = "needs root for a machine of its own";
const ALL: [&str; 4] = ["layers", "namespaces", "network", "cgroups"];

/// A container that has written one file and deleted another.
fn with_container(learner: &Learner, flags: &[&str]) {
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let script = "echo me >/mine; rm /etc/motd; sleep 1000";
    let words: Vec<&str> = [&["run", "-d", "--name", "web"], flags, &["demo", "sh", "-c", script]].concat();
    learner.explore(words).run().status(0);
    let ready = "until test ! -e /etc/motd; do sleep 0.05; done";
    learner.explore(["exec", "web", "sh", "-c", ready]).run().status(0);
}

fn all_lines(picture: &Value) -> Vec<String> {
    let nodes = picture["nodes"].as_array().unwrap();
    let lines = nodes.iter().flat_map(|node| node["lines"].as_array().unwrap());
    lines.map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// What the pictures say is what `layer show`, `network show`, `/proc` and the cgroup files say.
#[test]
fn the_pictures_show_what_is_there() {
    require!("stages::map::root", is_root(), ROOT);
    let learner = Learner::new();
    with_container(&learner, &["--pids-limit", "50"]);
    let map = |what: &str| learner.explore(["map", what, "web", "--json"]).run().status(0).stderr("").json();
    let picture = map("layers");
    let stacked = learner.explore(["layer", "show", "web", "--json"]).run().status(0).json();
    let read_only = picture["nodes"].as_array().unwrap().iter();
    let read_only = read_only.filter(|node| node["title"].as_str().unwrap().ends_with("(read-only)")).count();
    assert_eq!(Some(read_only), stacked["lower"].as_array().map(Vec::len), "{picture}\n{stacked}");
    let layers = all_lines(&picture);
    for line in ["written /mine", "deleted /etc/motd"] {
        assert!(layers.iter().any(|one| one == line), "{line}: {layers:?}");
    }
    let shown = learner.explore(["network", "show", "web", "--json"]).run().status(0).json();
    let lease = &shown["network"]["lease"];
    let network = map("network");
    let text = network.to_string();
    for name in ["host_link", "bridge", "ip", "gateway"] {
        assert!(text.contains(lease[name].as_str().unwrap()), "{name}: {text}");
    }
    let inside = "readlink /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/mnt";
    let told = learner.explore(["exec", "web", "sh", "-c", inside]).run().status(0).out;
    let places = map("namespaces").to_string();
    assert_eq!(told.lines().count(), 3);
    assert!(told.lines().all(|space| places.contains(space)), "{told}{places}");
    let groups = all_lines(&map("cgroups"));
    assert!(groups.iter().any(|line| line == "pids.max = 50"), "{groups:?}");
    learner.explore(["rm", "-f", "web"]).run().status(0);
}

#[test]
fn each_form_is_what_its_reader_reads_and_no_line_is_too_wide() {
    require!("stages::map::forms", is_root(), ROOT);
    let learner = Learner::new();
    with_container(&learner, &[]);
    for what in ALL {
        let form = |flag: &str| learner.explore(["map", what, "web", flag]).run().status(0).stderr("").out;
        assert!(form("--svg").starts_with("<svg ") && form("--svg").contains("<title>"), "{what}");
        assert!(form("--dot").starts_with("digraph {") && form("--dot").ends_with("}\n"), "{what}");
        assert!(form("--mermaid").contains("flowchart TD\n"), "{what}");
        for columns in [40, 80] {
            let shown = learner.explore(["map", what, "web"]).width(columns).run().status(0).out;
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            // A name or a rule that cannot be broken is broken; nothing runs out of the terminal.
            assert!(widest <= usize::from(columns), "{what} in {columns}: {widest}\n{shown}");
        }
    }
    learner.explore(["rm", "-f", "web"]).run().status(0);
}

/// The picture of the six stages is a walk: what begins in one of them has ended in the last.
#[test]
fn the_six_stages_are_one_chain_and_the_last_takes_back_what_the_kernel_held() {
    let learner = Learner::new();
    let picture = learner.explore(["map", "stages", "--json"]).run().status(0).stderr("").json();
    let nodes = picture["nodes"].as_array().unwrap();
    let titles: Vec<&str> = nodes.iter().map(|node| node["title"].as_str().unwrap()).collect();
    let stages = ["pull", "create", "layer", "network", "exec", "exit"];
    let wanted: Vec<String> = stages.iter().zip(1..).map(|(stage, number)| format!("{number} of 6: {stage}")).collect();
    assert_eq!(titles, wanted);
    let lines = |node: &Value| -> Vec<String> {
        node["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().trim().to_owned()).collect()
    };
    let (exec, exit) = (lines(&nodes[4]), lines(&nodes[5]));
    assert!(exec.iter().any(|line| line.starts_with("+ namespaces, its own: ") && line.contains("pid")), "{exec:?}");
    for line in exec.iter().filter_map(|line| line.strip_prefix("+ process ")) {
        assert!(exit.contains(&format!("- process {line}")), "{line}: {exit:?}");
    }
    assert!(learner.explore(["ps", "-aq"]).run().status(0).out.is_empty(), "the picture takes its container back");
}

#[test]
fn a_picture_speaks_chinese_to_people_and_the_same_as_ever_to_programs() {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let map = |flags: &[&str]| learner.explore(["map", "layers", "demo"]).args(flags).run().status(0).stderr("").out;
    let shown = map(&["--lang", "zh-CN"]);
    assert!(shown.contains("层（只读）") && !shown.contains("read-only"), "{shown}");
    assert!(map(&["--svg", "--lang", "zh-CN"]).contains("层（只读）"));
    assert_eq!(map(&["--json", "--lang", "zh-CN"]), map(&["--json"]));
}

#[test]
fn a_user_whom_nothing_lists_sees_his_own() {
    require!("stages::map::user", is_root(), "needs root to become somebody else");
    let learner = Learner::user();
    with_container(&learner, &[]);
    for what in ALL {
        let shown = learner.explore(["map", what, "web"]).run().status(0).out;
        let word = match what {
            "layers" => "written /mine",
            "namespaces" => "user:[",
            "network" => "no further",
            _ => "web has no group of its own",
        };
        assert!(shown.contains(word), "{what}: {shown}");
    }
    let line = learner.explore(["map", "timeline", "--json"]).run().status(0).stderr("").json();
    assert_told(&line);
    learner.explore(["rm", "-f", "web"]).run().status(0);
}

/// Both ends of a run: what the supervisor does before there is a container, and the last thing of our own inside it.
fn assert_told(line: &Value) {
    let steps = line["steps"].as_array().unwrap();
    let has = |role: &str, call: &str| steps.iter().any(|step| step["role"] == role && step["call"] == call);
    assert!(has("supervisor", "clone3") && has("init", "pivot_root") && has("init", "execve"), "{steps:#?}");
    let begins = steps.iter().map(|step| step["from"].as_u64().unwrap());
    assert!(begins.max().unwrap() > 0 && steps.iter().all(|step| step["from"].as_u64() <= step["to"].as_u64()));
}

#[test]
fn a_run_is_told_in_time_and_leaves_nothing() {
    require!("stages::map::timeline", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    assert_told(&learner.explore(["map", "timeline", "--json"]).run().status(0).stderr("").json());
    for (flag, word) in [("--svg", "<svg "), ("--dot", "digraph {"), ("--mermaid", "sequenceDiagram")] {
        learner.explore(["map", "timeline", flag]).run().status(0).stdout_has(word);
    }
    before.assert_unchanged();
}

#[test]
fn what_is_not_there_is_named() {
    require!("stages::map::refused", is_root(), ROOT);
    let learner = Learner::new();
    learner
        .explore(["map", "layers"])
        .run()
        .status(1)
        .stdout("")
        .stderr_has("there is no container")
        .stderr_has("hint: ");
    learner.explore(["map", "cgroups"]).run().status(1).stdout("").stderr_has("no container runs");
    learner.explore(["map", "layers", "nosuch"]).run().status(1).stdout("").stderr_has("\"nosuch\"");
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner.explore(["map", "layers", "demo"]).run().status(0).stdout_has("layer 1 of 2");
    learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    learner.explore(["map", "namespaces", "box"]).run().status(1).stdout("").stderr_has("does not run");
    learner.explore(["map", "network", "box"]).run().status(1).stdout("").stderr_has("has no network");
    learner.explore(["map", "layers", "--svg", "--json"]).run().status(2).stdout("").stderr_has("--svg");
    learner.explore(["map", "timeline", "no/such:thing"]).run().status(1).stdout("").stderr_has("no/such");
}

#[test]
fn what_another_container_has_already_brought_is_no_stages_doing() {
    require!("stages::map::beside", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let stages = || learner.explore(["map", "stages"]).width(200).run().status(0).out;
    // Alone it brings the bridge with its rules, and takes them back.
    let alone = stages();
    assert!(alone.contains("veth") && alone.contains("masquerade"), "{alone}");
    with_container(&learner, &[]);
    let beside = stages();
    assert!(beside.contains("veth") && !beside.contains("masquerade"), "{beside}");
    learner.explore(["rm", "-f", "web"]).run().status(0);
}

/// What stands in a picture, without its numbers: those are of one run.
fn words(svg: &str) -> Vec<String> {
    let text = |line: &str| line.trim().chars().filter(|one| !one.is_ascii_hexdigit()).collect::<String>();
    let lines = svg.lines().map(str::trim).filter(|line| !line.starts_with('<') && !line.contains('{'));
    lines.skip_while(|line| line.is_empty()).map(text).filter(|line| !line.is_empty()).collect()
}

/// The pictures of `book/src`, in both languages. `EXPLORE_MAP=write` draws them anew; the two that are the same on each machine, but for
/// their numbers, are compared.
#[test]
fn the_chapter_shows_what_is_drawn() {
    require!("stages::map::chapter", is_root(), ROOT);
    let learner = Learner::new();
    let link = "ip link add eth0 type veth peer name far; ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up; ip link set far up; \
        ip route add default via 192.0.2.1";
    learner.program("sh", ["-c", link]).run().status(0);
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    let read = |name: &str| std::fs::read_to_string(book.join(name)).unwrap();
    let pages = read("pictures.md") + &read("six-stages.md") + &read("../po/zh-CN.po");
    let write = std::env::var_os("EXPLORE_MAP").is_some_and(|value| value == "write");
    // The six stages first: beside another container they would find its network there.
    let all = ["stages", "layers", "namespaces", "network", "cgroups", "timeline"];
    for (what, language) in all.iter().flat_map(|what| ["en", "zh-CN"].map(|language| (*what, language))) {
        if what == "layers" && language == "en" {
            with_container(&learner, &["--pids-limit", "50"]);
        }
        let whose: &[&str] = if ["timeline", "stages"].contains(&what) { &[] } else { &["web"] };
        let asked = learner.explore(["--lang", language, "map", what]).args(whose).arg("--svg");
        let drawn = asked.run().status(0).stderr("").out;
        let name = if language == "en" { format!("map-{what}.svg") } else { format!("map-{what}.{language}.svg") };
        assert!(pages.contains(&format!("({name})")), "{name} is in no chapter");
        if write {
            std::fs::write(book.join(&name), drawn).unwrap();
        } else if ["layers", "network"].contains(&what) {
            let kept = read(&name);
            assert!(words(&kept).len() > 8, "{:?}", words(&kept));
            assert_eq!(words(&kept), words(&drawn), "{name}: EXPLORE_MAP=write draws it anew");
        }
    }
    learner.explore(["rm", "-f", "web"]).run().status(0);
}
