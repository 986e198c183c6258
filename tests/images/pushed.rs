//! `push`, and what names there are to push.

use crate::peers::debians_registry;
use crate::registry::{Answer, Pages, Registry};
use crate::support::{Learner, has_program, is_root, require};

/// `secret`, as htpasswd(1) -B has it.
const LOGIN: &str = "me:$2b$04$MpXE/g4hHcJmbL/dNA6OjOgAjO2y0GeZOXu6njFkyEmXdNQevC1Z.\n";

fn able() -> bool {
    is_root() && has_program("docker-registry")
}

fn with_demo() -> Learner {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner
}

fn digest_of(learner: &Learner, name: &str) -> String {
    let told = learner.explore(["images", "--json"]).run().status(0).json();
    let all = told["images"].as_array().unwrap().clone();
    let (repository, tag) = name.rsplit_once(':').unwrap();
    let one = all.iter().find(|one| one["repository"] == repository && one["tag"] == tag);
    one.unwrap_or_else(|| panic!("{name}: {told}"))["digest"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_pushed_comes_back_with_the_same_digest_and_is_sent_once() {
    require!("images::pushed", able(), "needs docker-registry and root");
    let learner = with_demo();
    let _registry = debians_registry(&learner, "");
    learner
        .explore(["run", "--name", "box", "--network", "none", "demo", "sh", "-c", "echo new >/new"])
        .run()
        .status(0);
    learner.explore(["commit", "box", "127.0.0.1:5000/team/made:1"]).run().status(0);
    let digest = digest_of(&learner, "127.0.0.1:5000/team/made:1");
    let told = learner.explore(["push", "127.0.0.1:5000/team/made:1"]).run().status(0).stderr("");
    assert_eq!(told.out.matches(": Pushed\n").count(), 3, "{}", told.shown());
    assert!(told.out.contains(&format!("1: digest: {digest} size: ")), "{}", told.shown());
    let again = learner.explore(["push", "127.0.0.1:5000/team/made:1"]).run().status(0);
    assert_eq!(again.out.matches(": Layer already exists\n").count(), 3, "{}", again.shown());
    // Under another name the registry has the layers already, in the other repository.
    learner.explore(["tag", "127.0.0.1:5000/team/made:1", "127.0.0.1:5000/other"]).run().status(0).stdout("");
    let other = learner.explore(["push", "--json", "127.0.0.1:5000/other"]).run().status(0).json();
    let became: Vec<_> = other["layers"].as_array().unwrap().iter().map(|one| one["became"].clone()).collect();
    assert_eq!((became, &other["digest"]), (vec!["mounted".into(); 3], &digest.clone().into()));
    let fresh = learner.work().join("fresh");
    let explore = |words: &[&str]| learner.explore(["--root", fresh.to_str().unwrap()]).args(words).run();
    for name in ["127.0.0.1:5000/team/made:1", "127.0.0.1:5000/other:latest"] {
        explore(&["pull", "-q", name]).status(0).stdout(&format!("{name}\n"));
        explore(&["run", "--rm", "--network", "none", name, "cat", "/new"]).status(0).stdout("new\n");
        explore(&["image", "inspect", "-f", "{{.Id}}", name])
            .stdout(&learner.explore(["image", "inspect", "-f", "{{.Id}}", name]).run().out);
    }
    if has_program("skopeo") {
        let place = "docker://127.0.0.1:5000/team/made:1";
        let theirs = learner.program("skopeo", ["inspect", "--tls-verify=false", place]).run().status(0).json();
        assert_eq!(theirs["Digest"], digest);
    }
    learner.explore(["rm", "box"]).run().status(0);
}

#[test]
fn a_registry_that_wants_to_know_who_pushes_is_told_by_the_login_and_only_it() {
    require!("images::pushed::login", able(), "needs docker-registry and root");
    let learner = with_demo();
    let list = learner.work().join("htpasswd");
    std::fs::write(&list, LOGIN).unwrap();
    let more = format!("auth: {{htpasswd: {{realm: lab, path: {}}}}}\n", list.display());
    let _registry = debians_registry(&learner, &more);
    learner.explore(["tag", "demo", "127.0.0.1:5000/x"]).run().status(0);
    let refused = learner.explore(["push", "127.0.0.1:5000/x"]).run();
    refused.fails(1, "the registry 127.0.0.1:5000 does not take").stderr_has("docker login 127.0.0.1:5000");
    std::fs::create_dir(learner.home().join(".docker")).unwrap();
    let login = r#"{ "auths": { "127.0.0.1:5000": { "auth": "bWU6c2VjcmV0" } } }"#;
    std::fs::write(learner.home().join(".docker/config.json"), login).unwrap();
    learner.explore(["push", "-q", "127.0.0.1:5000/x"]).run().status(0).stdout("127.0.0.1:5000/x:latest\n");
    learner.explore(["rmi", "127.0.0.1:5000/x"]).run().status(0);
    learner.explore(["pull", "-q", "127.0.0.1:5000/x"]).run().status(0);
}

#[test]
fn a_token_is_not_sent_to_where_the_registry_sends_a_blob() {
    require!("images::pushed::token", is_root(), "needs root for a network of its own");
    let learner = with_demo();
    let foreign = Registry::start(&learner, Pages { answers: std::collections::HashMap::new(), ..Pages::honest() });
    let mut pages = Pages::honest();
    let wants = r#"Bearer realm="http://127.0.0.1:{port}/token",service="lab",scope="repository:x:pull,push""#;
    let denied = Answer::status("401 Unauthorized").header("WWW-Authenticate", wants);
    let uploads = "/v2/x/blobs/uploads/";
    pages.answers.insert("/v2/".to_owned(), denied);
    pages.answers.insert("/v2/ with token".to_owned(), Answer::ok("{}"));
    let token = "/token?service=lab&scope=repository%3Ax%3Apull%2Cpush";
    pages.answers.insert(token.to_owned(), Answer::ok(r#"{"token":"hush"}"#));
    let elsewhere = format!("http://127.0.0.1:{}/put/it/here", foreign.port);
    pages.answers.insert(uploads.to_owned(), Answer::status("202 Accepted").header("Location", &elsewhere));
    let registry = Registry::start(&learner, pages);
    learner.explore(["tag", "demo", &registry.image()]).run().status(0);
    learner.explore(["push", &registry.image()]).run().fails(1, "cannot push");
    let heard = |registry: &Registry| registry.heard.lock().unwrap().join("\n");
    assert!(heard(&registry).contains("Bearer hush"), "{}", heard(&registry));
    assert!(heard(&foreign).contains("PUT /put/it/here?digest=sha256:"), "{}", heard(&foreign));
    assert!(!heard(&foreign).contains("hush"), "{}", heard(&foreign));
}

#[test]
fn what_cannot_be_pushed_is_said_in_a_sentence() {
    let learner = with_demo();
    learner.explore(["push", "demo"]).run().fails(1, "demo:latest is a name of this machine alone");
    learner.explore(["push", "Demo/x"]).run().fails(1, "must be lowercase");
    learner.explore(["push", "127.0.0.1:1/x"]).run().fails(1, "no such image: 127.0.0.1:1/x:latest");
    learner.explore(["push"]).run().status(1).stdout("");
    if is_root() {
        learner.program("ip", ["link", "set", "lo", "up"]).run().status(0);
        learner.explore(["tag", "demo", "127.0.0.1:5000/x"]).run().status(0);
        learner.explore(["push", "127.0.0.1:5000/x"]).run().fails(1, "no registry answers at 127.0.0.1:5000");
        let _ours = learner.explore(["registry"]).quiet().spawn();
        let ready = || learner.at_machine(|| std::net::TcpStream::connect("127.0.0.1:5000").is_ok());
        crate::support::eventually("the registry answers", ready);
        learner.explore(["push", "-q", "127.0.0.1:5000/x"]).run().fails(1, "does not take").stderr_has("read-only");
    }
}

#[test]
fn names_are_given_taken_and_told() {
    let learner = with_demo();
    let explore = |words: &[&str]| learner.explore(words).run();
    let id = explore(&["images", "-q"]).out.trim().to_owned();
    explore(&["tag", "demo", "mine"]).status(0).stdout("").stderr("");
    explore(&["image", "tag", &id, "mine:2"]).status(0);
    explore(&["tag", "nosuch", "x"]).fails(1, "no such image: nosuch");
    explore(&["tag", "demo", "Mine"]).fails(1, "must be lowercase");
    explore(&["tag", "demo"]).status(1).stdout("");
    let names = explore(&["image", "ls"]).status(0);
    assert!(names.out.contains("mine         latest") && names.out.contains("mine         2"), "{}", names.shown());
    // Another image takes the name over; the old one stays, under its ID.
    explore(&["create", "--name", "box", "mine", "true"]).status(0);
    explore(&["commit", "-m", "nothing", "box", "mine"]).status(0);
    explore(&["commit", "-m", "nothing at all", "box", "mine"]).status(0);
    let dangling = explore(&["images", "-q", "--filter", "dangling=true"]).status(0);
    assert_eq!(dangling.out.lines().count(), 1, "{}", dangling.shown());
    assert_eq!(explore(&["images", "-q", "-f", "dangling=false"]).out.lines().count(), 3);
    explore(&["images", "-f", "colour=red"]).status(125).stderr_has("invalid filter 'colour'");
    let told = explore(&["history", "mine"]).status(0);
    let lines: Vec<&str> = told.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", told.shown());
    assert!(lines[0].starts_with("IMAGE") && lines[1].ends_with("nothing at all"), "{}", told.shown());
    assert!(lines[3].contains("<missing>") && lines[3].contains("explore: programs and libraries"), "{}", told.shown());
    let json = explore(&["image", "history", "--json", "mine"]).status(0).json();
    assert_eq!(json["history"][2]["created_by"], "explore: programs and libraries of this machine");
    let pruned = explore(&["image", "prune", "-f"]).status(0);
    assert_eq!(
        pruned.out,
        format!("Deleted Images:\ndeleted: {}\n\nTotal reclaimed space: 0B\n", whole(&dangling.out, &pruned.out))
    );
    explore(&["image", "prune", "--force"]).status(0).stdout("Total reclaimed space: 0B\n");
    // A container stands on demo's image, so only the other goes.
    let all = explore(&["image", "prune", "-a", "-f", "--json"]).status(0).json();
    assert_eq!(all["removed"][0], "untagged: mine:latest");
    explore(&["start", "-a", "box"]).status(0);
    explore(&["image", "rm", "mine:2"]).status(0).stdout("Untagged: mine:2\n");
    explore(&["rm", "box"]).status(0);
}

/// The whole of the ID that `short` begins.
fn whole(short: &str, text: &str) -> String {
    let id = text.lines().find_map(|line| line.strip_prefix("deleted: ")).unwrap_or_default();
    assert!(id.strip_prefix("sha256:").is_some_and(|id| id.starts_with(short.trim())), "{text}");
    id.to_owned()
}
