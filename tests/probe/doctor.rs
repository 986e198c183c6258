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
