//! Every lesson that is built in, followed as each kind of user.

use crate::support::{HostState, Learner, is_root, require};

/// Whoever may be asked to prove the lessons here.
fn learners() -> Vec<Learner> {
    if is_root() { vec![Learner::new(), Learner::user()] } else { vec![Learner::new()] }
}

/// How many machines there are for each kind of user: a proof waits most of its time.
const MACHINES: usize = 4;

#[test]
fn every_lesson_is_proved_by_running_it_and_leaves_nothing() {
    let everybody: Vec<Vec<Learner>> = (0..MACHINES).map(|_| learners()).collect();
    let list = everybody[0][0].explore(["lesson", "--json"]).run().status(0).json();
    let lessons: Vec<&str> =
        list["lessons"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let first = HostState::of(&everybody[0][0]);
    let before: Vec<HostState> = everybody.iter().flatten().map(|learner| first.of_another(learner)).collect();
    std::thread::scope(|scope| {
        for (machine, kinds) in everybody.iter().enumerate() {
            for learner in kinds {
                let mine = lessons.iter().skip(machine).step_by(MACHINES);
                scope.spawn(move || mine.for_each(|id| is_proved(learner, id)));
            }
        }
    });
    for state in before {
        state.assert_unchanged();
    }
}

/// On version 1 groups are made by root alone, and the lesson says so instead.
const LIMITS: [&str; 7] =
    ["cgroup-pids", "cgroup-memory", "cgroup-cpu", "freezer", "cgroup-hierarchy", "cgroup-devices", "cgroup-io"];

fn is_proved(learner: &Learner, id: &str) {
    let output = learner.explore(["lesson", "check", "--only", id]).run().status(0);
    if !learner.is_root()
        && LIMITS.contains(&id)
        && output.out.starts_with(&format!("skipped  {id:<21} replay v1, but /sys/fs/cgroup/"))
    {
        assert!(output.out.contains(" cannot be written: Permission denied\n"), "{}", output.shown());
        return;
    }
    // `stages::guest` proves it where there is a kernel.
    if id == "microvm" && output.out.starts_with(&format!("skipped  {id:<21} replay no ")) {
        return;
    }
    let way = if learner.is_root() { "root" } else { "user" };
    assert!(output.out.starts_with(&format!("proved   {id:<21} {way:<6} ")), "{}", output.shown());
    assert!(output.out.contains(&format!(" s ({id})\n")), "{}", output.shown());
    assert!(output.out.ends_with("; 1 proved, 0 failed, 0 skipped\n"), "{}", output.shown());
}

#[test]
fn a_lesson_that_nobody_answers_asks_nothing_and_records_nothing() {
    let learner = Learner::new();
    let output = learner.explore(["lesson", "pid-namespace", "--yes"]).run().status(0).stderr("");
    assert!(output.out.contains("The kill succeeds, and nothing happens [holds]"), "{}", output.shown());
    assert!(output.out.contains("I am process 1, and my parent is process 0\n"), "{}", output.shown());
    learner.explore(["progress", "--json"]).run().status(0).stdout("{\"answers\":[],\"schema\":1}\n");
}

#[test]
fn the_events_are_those_of_the_page_and_each_prediction_is_marked_once() {
    let output = Learner::new().explore(["lesson", "pid-namespace", "--json"]).run().status(0).stderr("");
    let events: Vec<serde_json::Value> = output.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(of("begin")[0]["schema"], 1);
    assert_eq!(of("question").len(), 4);
    assert_eq!(of("marked").len(), 4);
    assert!(of("marked").iter().all(|event| event["chosen"].is_null()));
    assert_eq!(of("compared")[0]["comparison"]["schema"], 1);
    assert_eq!(of("end")[0]["finished"], true);
}

#[test]
fn chinese_says_the_same_with_the_same_commands() {
    let learner = Learner::new();
    let typed =
        |output: &str| output.lines().filter(|line| line.contains("side# ")).map(str::to_owned).collect::<Vec<_>>();
    let english = learner.explore(["lesson", "pid-namespace", "--yes"]).run().status(0);
    let chinese = learner.explore(["lesson", "pid-namespace", "--yes", "--lang", "zh-CN"]).run().status(0);
    assert_eq!(typed(&english.out), typed(&chinese.out));
    assert!(chinese.out.contains("kill 成功，但什么也没发生 [成立]"), "{}", chinese.shown());
    let locale = learner.explore(["lesson"]).env("LC_ALL", "zh_CN.UTF-8").run().status(0);
    assert!(locale.out.contains("PID 命名空间：一个进程，两个号码"), "{}", locale.shown());
    learner.explore(["lesson", "--lang", "tlh"]).run().fails(2, "there is no translation into `tlh`");
}

#[test]
fn a_slip_of_the_finger_gets_the_nearest_names() {
    let learner = Learner::new();
    let typed = |name: &str, language: &str| learner.explore(["lesson", name, "--lang", language]).run();
    let three = "hint: did you mean pid-namespace, ipc-namespace or time-namespace? `explore lesson` lists all\n";
    typed("pid-namspace", "en").fails(1, "there is no lesson `pid-namspace`").stderr_has(three);
    typed("comit", "en").stderr_has("hint: did you mean commit? `explore lesson` lists all\n");
    let three = "提示：想输入的是 pid-namespace、ipc-namespace 还是 time-namespace？`explore lesson` 列出所有的课\n";
    typed("pid-namspace", "zh-CN").status(1).stderr_has(three);
    typed("comit", "zh-CN").status(1).stderr_has("提示：是不是想输入 commit？`explore lesson` 列出所有的课\n");
}

#[test]
fn next_is_the_first_lesson_whose_predecessors_are_done() {
    let learner = Learner::new();
    let done = |id: &str| {
        format!("{{\"schema\":1,\"time\":1,\"lesson\":\"{id}\",\"hash\":\"h\",\"tier\":\"root\",\"kind\":\"done\"}}\n")
    };
    let list = learner.explore(["lesson", "--json"]).run().status(0).json();
    let lessons: Vec<&str> =
        list["lessons"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let file = learner.work().join("answers");
    let all_but_last: String = lessons[..lessons.len() - 1].iter().map(|id| done(id)).collect();
    std::fs::write(&file, all_but_last).unwrap();
    learner.explore(["progress", "import"]).arg(&file).run().status(0);
    let list = learner.explore(["lesson", "--json"]).run().status(0).json();
    let states: Vec<&str> =
        list["lessons"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert!(states[..states.len() - 1].iter().all(|state| *state == "done"), "{states:?}");
    assert_eq!(states.last(), Some(&"new"));
}

/// A stage lesson has no place: its inside is a container that it has made itself.
#[test]
fn a_lesson_can_compare_with_its_own_container_and_takes_it_down() {
    let page = "---\ntitle: T\nstage: exec\nminutes: 1\n---\n# T {#t}\n\n```sh outside\nexplore pull demo\n\
        explore run -d --name web --network none demo sleep 600\n```\n\n```check\nIt runs\n  if outside: explore exec web true\n\
        ```\n\n```compare\ninside: container web\n```\n";
    for learner in learners() {
        let file = learner.work().join("stage.md");
        std::fs::write(&file, page).unwrap();
        let before = HostState::of(&learner);
        let output = learner.explore(["lesson", "stage", "--yes", "--lessons"]).arg(&file).run().status(0);
        assert!(output.out.contains("inside : PID ") && output.out.contains(" sleep 600\n"), "{}", output.shown());
        before.assert_unchanged();
    }
}

/// Where a need is not met the recording is played: labelled, with its questions, and never counted as done.
#[test]
fn a_lesson_that_cannot_run_is_replayed_and_says_so() {
    require!("lessons::followed::replay", is_root(), "needs root to take a kind of namespace away from a user");
    let learner = Learner::new();
    let script = "echo 0 >/proc/sys/user/max_pid_namespaces; exec \"$EXPLORE\" lesson pid-namespace";
    let run = |answers: &str| {
        learner.program("unshare", ["--user", "--map-root-user", "sh", "-c", script]).stdin(answers).run()
    };
    let output = run(&"2\n\n\n".repeat(40));
    let output = output.status(0).stderr("");
    assert!(output.out.starts_with("pid-namespace cannot run live here: "), "{}", output.shown());
    let layer = "  which layer says no: explore why -- unshare --pid --fork true\n  about that layer: explore lesson user-namespace\n";
    assert!(output.out.contains(layer), "{}", output.shown());
    let why = "echo 0 >/proc/sys/user/max_pid_namespaces; exec \"$EXPLORE\" why -- unshare --pid --fork true";
    let asked = learner.program("unshare", ["--user", "--map-root-user", "sh", "-c", why]).run();
    assert!(
        asked.err.contains("max_pid_namespaces"),
        "the command that is named is not refused by that layer: {}",
        asked.shown()
    );
    assert!(output.out.contains("REPLAY: recorded on another machine, nothing runs here"), "{}", output.shown());
    assert!(output.out.contains("Not so, and here is why."), "{}", output.shown());
    assert!(output.out.contains("I am process 1, and my parent is process 0\n"), "{}", output.shown());
    let answers = learner.explore(["progress", "--csv"]).run().status(0).out;
    assert!(answers.contains(",replay,prediction,seen-from-outside,1,2,,0\n"), "{answers}");
    let list = learner.explore(["lesson", "--json"]).run().status(0).json();
    let lesson = list["lessons"].as_array().unwrap().iter().find(|one| one["id"] == "pid-namespace").unwrap();
    assert_eq!(lesson["state"], "begun", "a replay was counted as done");
}
