//! `explore doctor`: what it says can run does, what it says cannot has a reason, and nothing stays.

use crate::support::{HostState, Learner, Output, is_root, require};
use serde_json::Value;

fn needs(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{error}\n{}", output.shown()));
    report["needs"].as_array().unwrap().clone()
}

fn need<'a>(needs: &'a [Value], id: &str) -> &'a Value {
    needs.iter().find(|need| need["id"] == id).unwrap_or_else(|| panic!("no need {id}"))
}

#[test]
fn nothing_is_left_behind_by_all_those_trials() {
    let learner = Learner::new();
    let before = HostState::of(&learner);
    let output = learner.explore(["doctor", "--json"]).run();
    before.assert_unchanged();
    assert_eq!(needs(&output).len(), explore::probe::need::ids().count());
}

#[test]
fn what_is_not_met_says_why() {
    let output = Learner::new().explore(["doctor", "--json"]).run();
    for need in needs(&output) {
        let said = if need["is"] == "met" { &need["evidence"] } else { &need["why"] };
        assert!(said.as_str().is_some_and(|text| !text.is_empty()), "{need}");
    }
}

#[test]
fn an_ordinary_user_gets_his_answers_from_a_user_namespace() {
    require!("doctor::user", is_root(), "becoming an unlisted user needs root");
    let output = Learner::user().explore(["doctor", "--json"]).run();
    let needs = needs(&output);
    let subuid = need(&needs, "subuid");
    assert_eq!((&subuid["is"], &subuid["who"]), (&"unmet".into(), &"root".into()), "{subuid}");
    let uts = need(&needs, "uts-namespace");
    assert!(uts["is"] == "unmet" || uts["evidence"].as_str().unwrap().contains("in a user namespace"), "{uts}");
}

#[test]
fn a_limit_of_0_is_found_by_trying_and_named_with_its_remedy() {
    // The limits of a user namespace are its own: here UTS namespaces are used up.
    let script = r#"echo 0 > /proc/sys/user/max_uts_namespaces && exec "$EXPLORE" doctor --json"#;
    let wrapped = ["unshare", "--user", "--map-root-user"];
    let output = Learner::new().program("sh", ["-c", script]).wrapped_by(wrapped).run().status(1);
    let needs = needs(&output);
    let uts = need(&needs, "uts-namespace");
    assert!(uts["is"] == "unmet" && uts["why"].as_str().unwrap().contains("ENOSPC"), "{uts}");
    assert!(need(&needs, "max-namespaces")["fix"].as_str().unwrap().contains("user.max_uts_namespaces"));
    assert_eq!(need(&needs, "ipc-namespace")["is"], "met");
}

#[test]
fn a_state_folder_that_cannot_be_made_is_a_finding_and_no_crash() {
    let output = Learner::new().explore(["--root", "/proc/nowhere", "doctor", "--json"]).run().status(1);
    let needs = needs(&output);
    let folder = need(&needs, "state-folder");
    assert_eq!((&folder["is"], &folder["who"]), (&"unmet".into(), &"you".into()), "{folder}");
}

#[test]
fn a_folder_on_an_overlay_cannot_hold_a_writable_layer() {
    require!("doctor::overlay", is_root(), "mounting an overlay needs root");
    let script = r#"
        mkdir l u w m && mount -t tmpfs none u && mkdir u/u u/w && mount -t overlay o -o lowerdir=l,upperdir=u/u,workdir=u/w m
        "$EXPLORE" --root "$PWD/m" doctor --json; status=$?; umount m u; exit $status"#;
    let output = Learner::new().program("sh", ["-c", script]).run().status(1);
    let needs = needs(&output);
    let folder = need(&needs, "state-folder");
    assert!(folder["is"] == "unmet" && folder["why"].as_str().unwrap().contains("overlay"), "{folder}");
}

#[test]
fn its_lines_fit_the_terminal() {
    for columns in [40, 80, 200] {
        let output = Learner::new().explore(["doctor"]).width(columns).run();
        for line in output.out.lines() {
            let width = unicode_width::UnicodeWidthStr::width(line);
            assert!(width <= usize::from(columns), "{width} in {columns} columns: {line}");
        }
    }
}

/// A code as it stands in the one line of `--class`.
fn code(output: &Output) -> String {
    assert_eq!(output.out.lines().count(), 1, "{}", output.shown());
    output.out.split("  ").next().unwrap().to_owned()
}

#[test]
fn the_class_is_one_line_and_its_code_says_the_same_elsewhere() {
    let learner = Learner::new();
    let output = learner.explore(["doctor", "--class"]).run();
    let data = learner.explore(["doctor", "--class", "--json"]).run().json();
    let said = code(&output);
    assert_eq!(data["code"], said.as_str());
    let list = format!("\n  Anna B  {said}\n{}\n", said.to_lowercase());
    let read = learner.explore(["doctor", "--read", "-", "--json"]).stdin(list).run().status(0).json();
    assert_eq!((&read["laptops"][0]["who"], &read["laptops"][1]["who"]), (&"Anna B".into(), &"".into()));
    for laptop in read["laptops"].as_array().unwrap() {
        for key in ["code", "class", "root", "kernel", "lessons"] {
            assert_eq!(laptop[key], data[key], "{key}");
        }
        let lacking: Vec<&Value> = data["lacking"].as_array().unwrap().iter().map(|need| &need["id"]).collect();
        assert_eq!(laptop["lacking"].as_array().unwrap().iter().collect::<Vec<_>>(), lacking);
    }
}

#[test]
fn each_of_a_crowd_gets_a_row_and_a_wrong_code_its_name() {
    let learner = Learner::new();
    let said = code(&learner.explore(["doctor", "--class"]).run());
    let wrong = format!("{}{}", &said[..18], if said.ends_with('7') { "8" } else { "7" });
    let output = learner.explore(["doctor", "--read", &said, &wrong, "hello"]).run().status(1);
    assert!(output.out.starts_with("WHO") && output.out.contains("\n1 in all: 1 "), "{}", output.shown());
    assert!(output.err.contains(&wrong) && output.err.contains("\"hello\" is no code"), "{}", output.shown());
    learner.explore(["doctor", "--read", "hello"]).run().fails(1, "sixteen letters");
    learner.explore(["doctor", "--qr", "always"]).run().status(2).stdout("");
}

#[test]
fn the_class_of_an_ordinary_user_hangs_on_what_is_around_him() {
    require!("doctor::class", is_root(), "becoming an unlisted user needs root");
    let user = Learner::user();
    let class = |output: &Output| output.json()["class"].as_str().unwrap().to_owned();
    assert_eq!(class(&user.explore(["doctor", "--class", "--json"]).run().status(0)), "single-uid");
}

#[test]
fn where_containers_cannot_be_made_a_virtual_machine_or_recordings_are_left() {
    let class = |output: &Output| output.json()["class"].as_str().unwrap().to_owned();
    let script = r#"echo 0 > /proc/sys/user/max_mnt_namespaces && exec "$EXPLORE" doctor --class --json"#;
    let limited = ["unshare", "--user", "--map-root-user"];
    let output = Learner::new().program("sh", ["-c", script]).wrapped_by(limited).run();
    assert!(["guest", "replay"].contains(&class(&output).as_str()), "{}", output.shown());
    assert_eq!(output.code, 1, "{}", output.shown());
    let lacking = output.json()["lacking"].to_string();
    assert!(lacking.contains("max-namespaces") && lacking.contains("sysctl -w"), "{}", output.shown());
}

#[test]
fn the_code_is_drawn_where_somebody_looks_and_nowhere_else() {
    let drawn = |run: crate::support::Run| {
        let output = run.terminal(80).finish().status(0);
        output.out.contains('▀') || output.out.contains('█')
    };
    let class = || Learner::new().explore(["doctor", "--class"]);
    assert!(drawn(class()) && drawn(class().env("NO_COLOR", "1")));
    assert!(!drawn(class().wrapped_by(["env", "TERM=dumb"])) && !drawn(class().args(["--qr", "never"])));
    let asked = class().args(["--qr", "always"]).run();
    assert!(asked.out.contains('▀') && !asked.out.contains('\x1b'), "{}", asked.shown());
}
