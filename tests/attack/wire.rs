//! A registry that sends one round in circles, or says two things at once.

use crate::registry::{Answer, INDEX, MANIFEST, Pages, Registry};
use crate::support::Learner;

#[test]
fn redirects_end() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let path = format!("/v2/x/blobs/{}", pages.layer);
    pages.answers.insert(path.clone(), Answer::status("307 Temporary Redirect").header("Location", &path));
    let registry = Registry::start(&learner, pages);
    let told = learner.explore(["pull", "-q", &registry.image()]).run().fails(1, "redirect");
    let asked = registry.heard.lock().unwrap().iter().filter(|line| line.contains(&path)).count();
    assert!((2..50).contains(&asked), "it was asked {asked} times\n{}", told.shown());
    learner.explore(["images", "-q"]).run().status(0).stdout("");
}

#[test]
fn a_document_that_is_index_and_manifest_at_once_is_refused() {
    // CVE-2021-41190: which of the two it is must not depend on who reads it.
    for kind in [MANIFEST, INDEX] {
        let learner = Learner::new();
        let mut pages = Pages::honest();
        let mut both: serde_json::Value = serde_json::from_slice(&pages.manifest_page().body).unwrap();
        both["manifests"] = serde_json::json!([]);
        both.as_object_mut().unwrap().remove("mediaType");
        *pages.manifest_page() = Answer::ok(both.to_string()).header("Content-Type", kind);
        let registry = Registry::start(&learner, pages);
        learner.explore(["pull", "-q", &registry.image()]).run().fails(1, "explore: ");
        learner.explore(["images", "-q"]).run().status(0).stdout("");
    }
}
