//! Registries that lie, break, or say no: one sentence each, and nothing of theirs in the store.

use crate::forge::Forge;
use crate::forge::gzip;
use crate::registry::{Answer, INDEX, MANIFEST, Pages, Registry, descriptor};
use crate::support::{Learner, is_root, require};
use explore::image::Digest;
use explore::image::registry::client::Patience;
use explore::stages::pull::{Options, pull};
use explore::state::Roots;
use std::time::Duration;

/// Pulls, expects this sentence, and that neither a name, nor a layer, nor anything half-grown is left.
#[track_caller]
fn refused(pages: &Pages, sentence: &str) {
    let learner = Learner::new();
    let registry = Registry::start(&learner, pages.clone());
    let output = learner.explore(["pull", "-q", &registry.image()]).run().fails(1, sentence);
    assert_eq!(output.err.matches("explore: ").count(), 1);
    assert_nothing_kept(&learner, pages);
}

#[track_caller]
fn assert_nothing_kept(learner: &Learner, pages: &Pages) {
    let data = learner.state().join("data");
    let names = |folder: &str| -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(data.join(folder)) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(!names("images/blobs/sha256").contains(&pages.layer.hex().to_owned()), "the layer was kept");
    assert_eq!(names("images/.ingest"), Vec::<String>::new());
    assert_eq!(names("layers/.ingest"), Vec::<String>::new());
    assert!(names("layers").iter().all(|name| name.starts_with('.')), "a layer was unpacked");
    learner.explore(["images", "-q"]).run().status(0).stdout("");
}

#[test]
fn an_honest_registry_is_believed() {
    let learner = Learner::new();
    let pages = Pages::honest();
    let registry = Registry::start(&learner, pages.clone());
    let image = registry.image();
    let digest = Digest::of(&pages.answers["/v2/x/manifests/latest"].body);
    learner.explore(["pull", &image]).run().status(0).stdout(&format!(
        "latest: Pulling from x\n{}: Pull complete\nDigest: {digest}\nStatus: Downloaded newer image for \
         {image}:latest\n{image}:latest\n",
        pages.layer.short()
    ));
    let asked = registry.heard.lock().unwrap().len();
    learner.explore(["pull", &image]).run().status(0).stdout_has("Status: Image is up to date for");
    assert_eq!(registry.heard.lock().unwrap().len(), asked + 1, "only the manifest is asked for again");
}

#[test]
fn a_layer_with_another_digest_is_refused() {
    let mut pages = Pages::honest();
    let length = pages.layer_page().body.len();
    pages.layer_page().body = vec![b'x'; length];
    refused(&pages, "has the digest");
}

#[test]
fn a_layer_that_is_short_is_refused() {
    let mut pages = Pages::honest();
    pages.layer_page().body.pop();
    refused(&pages, "bytes, not");
    // And one where the connection ends before what Content-Length promised.
    pages.layer_page().length = Some(100_000);
    refused(&pages, "the connection to the registry");
}

#[test]
fn a_layer_that_is_long_is_refused_without_reading_it_to_its_end() {
    let mut pages = Pages::honest();
    pages.layer_page().body.extend(vec![0; 1 << 20]);
    refused(&pages, "bytes, not");
}

#[test]
fn a_layer_that_unpacks_to_something_else_than_the_config_says_is_refused() {
    let layer = gzip(&Forge::default().file("a", "b").end());
    let learner = Learner::new();
    let registry = Registry::start(&learner, Pages::of(&layer, &Digest::of(b"something else")));
    learner.explore(["pull", "-q", &registry.image()]).run().fails(1, "unpacked has the digest");
    learner.explore(["images", "-q"]).run().status(0).stdout("");
    let layers = std::fs::read_dir(learner.state().join("data/layers")).unwrap();
    assert_eq!(layers.filter(|one| one.as_ref().unwrap().file_name() != ".ingest").count(), 0);
}

#[test]
fn a_manifest_that_is_not_what_it_says_is_refused() {
    let mut pages = Pages::honest();
    pages.manifest_page().headers = vec![("Content-Type".to_owned(), INDEX.to_owned())];
    refused(&pages, "but says itself that it is");
    pages.manifest_page().headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
    refused(&pages, "text/html");
    *pages.manifest_page() = Answer::ok("{").header("Content-Type", MANIFEST);
    refused(&pages, "is damaged or not what it says");
    *pages.manifest_page() = Answer::ok(vec![b' '; 5 << 20]).header("Content-Type", MANIFEST);
    refused(&pages, "is over the limit of 4194304 bytes");
}

#[test]
fn a_manifest_that_the_registry_names_by_another_digest_is_refused() {
    let mut pages = Pages::honest();
    let named = pages.manifest_page().clone().header("Docker-Content-Digest", &Digest::of(b"other").to_string());
    *pages.manifest_page() = named;
    refused(&pages, "sent a manifest with the digest");
}

#[test]
fn an_image_asked_for_by_digest_is_that_image() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let wanted = Digest::of(b"the one that was asked for");
    let manifest = pages.manifest_page().clone();
    pages.set(&format!("manifests/{wanted}"), manifest);
    let registry = Registry::start(&learner, pages);
    let image = format!("{}@{wanted}", registry.image());
    learner.explore(["pull", "-q", &image]).run().fails(1, "sent a manifest with the digest");
}

#[test]
fn an_image_for_other_machines_only_says_for_which() {
    let mut pages = Pages::honest();
    let mut one = descriptor(MANIFEST, &Digest::of(b"m"), 1);
    one["platform"] = serde_json::json!({ "os": "linux", "architecture": "s390x" });
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [one] });
    *pages.manifest_page() = Answer::ok(index.to_string()).header("Content-Type", INDEX);
    refused(&pages, "only for linux/s390x");
}

#[test]
fn a_layer_over_the_limit_is_not_even_asked_for() {
    let mut pages = Pages::honest();
    let mut manifest: serde_json::Value = serde_json::from_slice(&pages.manifest_page().body).unwrap();
    manifest["layers"][0]["size"] = serde_json::json!(1_u64 << 40);
    pages.manifest_page().body = manifest.to_string().into_bytes();
    refused(&pages, "over the limit of 10737418240 bytes");
}

#[test]
fn each_refusal_has_its_own_sentence() {
    let table = [
        ("404 Not Found", "has no manifest latest"),
        ("403 Forbidden", "without a login"),
        ("401 Unauthorized", "without a login"),
        ("503 Service Unavailable", "answers 503 for manifest latest"),
    ];
    for (status, sentence) in table {
        let mut pages = Pages::honest();
        *pages.manifest_page() = Answer::status(status);
        refused(&pages, sentence);
    }
    let mut pages = Pages::honest();
    *pages.manifest_page() = Answer::status("429 Too Many Requests").header("Retry-After", "17");
    refused(&pages, "too many requests from here; it asks to wait 17 seconds");
}

#[test]
fn an_anonymous_token_is_fetched_where_the_registry_wants_one() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let open: Vec<(String, Answer)> = pages.answers.drain().collect();
    let challenge = "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"s\",scope=\"repository:x:pull\"";
    for (path, answer) in open {
        pages.answers.insert(path.clone(), Answer::status("401 Unauthorized").header("WWW-Authenticate", challenge));
        pages.answers.insert(format!("{path} with token"), answer);
    }
    let token = Answer::ok(r#"{"token":"let-me-in"}"#);
    pages.answers.insert("/token?service=s&scope=repository%3Ax%3Apull".to_owned(), token);
    let registry = Registry::start(&learner, pages);
    learner.explore(["pull", "-q", &registry.image()]).run().status(0);
    let heard = registry.heard.lock().unwrap().clone();
    assert!(heard.iter().any(|line| line.to_lowercase().contains("bearer let-me-in")), "{heard:?}");
}

#[test]
fn a_token_does_not_follow_a_redirect_to_another_host() {
    // CVE-2020-15157
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let (path, layer) = (format!("/v2/x/blobs/{}", pages.layer), pages.layer_page().clone());
    let mut elsewhere = Pages::honest();
    elsewhere.answers.insert("/stored".to_owned(), layer);
    let other = Registry::start(&learner, elsewhere);
    let moved =
        Answer::status("307 Temporary Redirect").header("Location", &format!("http://localhost:{}/stored", other.port));
    let challenge = "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"s\"";
    pages.answers.insert(path.clone(), Answer::status("401 Unauthorized").header("WWW-Authenticate", challenge));
    pages.answers.insert(format!("{path} with token"), moved);
    pages.answers.insert("/token?service=s".to_owned(), Answer::ok(r#"{"token":"secret"}"#));
    let registry = Registry::start(&learner, pages);
    learner.explore(["pull", "-q", &registry.image()]).run().status(0);
    let heard = other.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert!(!heard[0].contains("secret"), "{heard:?}");
}

#[test]
fn one_that_says_nothing_is_not_waited_for_for_ever() {
    require!("images::slow", is_root(), "a thread joins the network of a test machine");
    let mut stalled = Pages::honest();
    let layer = stalled.layer_page();
    layer.length = Some(layer.body.len());
    layer.body.truncate(10);
    layer.stalls = true;
    let mut mute = Pages::honest();
    mute.manifest_page().stalls = true;
    mute.manifest_page().length = Some(1000);
    for (pages, sentence) in [(stalled, "no next piece of blob"), (mute, "no manifest latest")] {
        let learner = Learner::new();
        let registry = Registry::start(&learner, pages.clone());
        let patience = Patience { connect: Duration::from_secs(1), read: Duration::from_secs(1) };
        let options = Options { patience, ..Options::default() };
        let roots = Roots::find(Some(&learner.state())).unwrap();
        let image = registry.image();
        let error = learner.at_machine(|| pull(&roots, &image, &options, &mut ()).unwrap_err());
        let error = crate::forge::chain(&error);
        assert!(error.contains("is too slow") && error.contains(sentence), "{error}");
        assert_nothing_kept(&learner, &pages);
    }
}

#[test]
fn nobody_there_is_told_apart_from_no_network() {
    let learner = Learner::new();
    let registry = Registry::start(&learner, Pages::honest());
    learner.explore(["pull", "127.0.0.1:1/x"]).run().fails(1, "no registry answers at 127.0.0.1:1");
    drop(registry);
    let offline = Learner::new();
    let output = offline.explore(["pull", "debian"]).run().fails(1, "no network, or no such host");
    assert!(output.err.contains("explore pull demo") && output.err.contains("explore load FILE"), "{}", output.shown());
}
