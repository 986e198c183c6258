//! How blobs come: several at once, in pieces, from whom, and as whom.

use crate::forge::Forge;
use crate::forge::gzip;
use crate::registry::{Answer, INDEX, MANIFEST, Pages, Registry, descriptor};
use crate::support::{Learner, Random, eventually};
use explore::image::Digest;
use nix::sys::signal::Signal;
use std::path::PathBuf;

/// An image of so many layers, each with a file of noise that packs badly.
fn layered(layers: usize, bytes: usize) -> Pages {
    let mut random = Random::seeded();
    let mut noise = || (0..bytes / 4).flat_map(|_| random.below(u32::MAX).to_le_bytes()).collect::<Vec<u8>>();
    let tars: Vec<Vec<u8>> =
        (0..layers).map(|number| Forge::default().raw_file(&format!("file-{number}"), &noise()).end()).collect();
    let diff_ids: Vec<String> = tars.iter().map(|tar| Digest::of(tar).to_string()).collect();
    let config = serde_json::json!({ "architecture": oci_spec::image::Arch::default(), "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let config = config.to_string().into_bytes();
    let packed: Vec<Vec<u8>> = tars.iter().map(|tar| gzip(tar)).collect();
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &Digest::of(&config), config.len()),
        "layers": packed.iter().map(|layer| descriptor(kind, &Digest::of(layer), layer.len())).collect::<Vec<_>>() });
    let mut pages = Pages::honest();
    pages.answers.clear();
    pages.layer = Digest::of(packed.last().unwrap());
    pages.set("manifests/latest", Answer::ok(manifest.to_string()).header("Content-Type", MANIFEST));
    for blob in packed.into_iter().chain([config]) {
        pages.set(&format!("blobs/{}", Digest::of(&blob)), Answer::ok(blob));
    }
    pages
}

fn blobs_asked_for(registry: &Registry) -> Vec<String> {
    registry.heard.lock().unwrap().iter().filter(|line| line.contains("/blobs/")).cloned().collect()
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    for knows_ranges in [true, false] {
        let learner = Learner::new();
        let mut pages = layered(3, 300_000);
        pages.layer_page().breaks_after = Some(100_000);
        pages.layer_page().knows_ranges = knows_ranges;
        let layer = pages.layer.clone();
        let registry = Registry::start(&learner, pages);
        learner.explore(["pull", "-q", &registry.image()]).run().status(0).stderr("");
        let asked = blobs_asked_for(&registry);
        let of_layer: Vec<&String> = asked.iter().filter(|line| line.contains(&layer.to_string())).collect();
        let ranges = of_layer.iter().filter(|line| line.contains("bytes=")).count();
        // One that knows ranges breaks twice more, at 200,000 and 300,000; one that does not gives all of it.
        assert!(ranges >= 1 && of_layer.len() == ranges + 1, "{of_layer:?}");
        assert_eq!(of_layer.len() > 2, knows_ranges, "{of_layer:?}");
    }
}

#[test]
fn one_that_always_breaks_at_the_same_byte_is_given_up() {
    let learner = Learner::new();
    let mut pages = layered(1, 100_000);
    pages.layer_page().breaks_after = Some(0);
    let registry = Registry::start(&learner, pages);
    learner.explore(["pull", "-q", &registry.image()]).run().fails(1, "the connection to the registry");
    assert_eq!(blobs_asked_for(&registry).iter().filter(|line| line.contains("/blobs/")).count(), 1 + 4);
}

/// Kills a pull in the middle of its layer; what the half of it is called.
fn half_a_layer(learner: &Learner, pages: &Pages) -> PathBuf {
    let mut stalled = pages.clone();
    stalled.layer_page().breaks_after = Some(2 << 20);
    stalled.layer_page().stalls = true;
    let registry = Registry::start(learner, stalled);
    let half = learner.state().join("data/images/.ingest").join(pages.layer.hex());
    let running = learner.explore(["pull", "-q", &format!("127.0.0.1:{}/x", registry.port)]).spawn();
    eventually("half of the layer is there", || half.metadata().is_ok_and(|found| found.len() == 2 << 20));
    running.signal(Signal::SIGKILL);
    drop(running);
    half
}

#[test]
fn a_killed_pull_is_gone_on_with_and_its_half_is_not_believed() {
    for spoiled in [false, true] {
        let learner = Learner::new();
        let pages = layered(1, 3 << 20);
        let half = half_a_layer(&learner, &pages);
        if spoiled {
            let mut bytes = std::fs::read(&half).unwrap();
            bytes[1000] ^= 1;
            std::fs::write(&half, bytes).unwrap();
        }
        let registry = Registry::start(&learner, pages.clone());
        let pull = || learner.explore(["pull", "-q", &registry.image()]).run();
        if spoiled {
            pull().fails(1, "has the digest");
            assert!(!half.exists(), "what is wrong is not kept");
        }
        pull().status(0);
        let asked = blobs_asked_for(&registry);
        let range = format!("bytes={}-", 2 << 20);
        assert!(asked.iter().any(|line| line.contains(&range)), "{asked:?}");
    }
}

#[test]
fn layers_come_and_are_placed_at_once_but_a_wrong_one_leaves_none_above_it() {
    let learner = Learner::new();
    let mut pages = layered(6, 50_000);
    let good = Registry::start(&learner, pages.clone());
    let pulled = learner.explore(["pull", "--json", &good.image()]).run().status(0).json();
    assert!(pulled["layers"].as_array().unwrap().iter().all(|layer| layer["unpacked"] == true));
    learner.explore(["rmi", &good.image()]).run().status(0);

    let manifest: serde_json::Value = serde_json::from_slice(&pages.manifest_page().body).unwrap();
    let third = manifest["layers"][2]["digest"].as_str().unwrap().to_owned();
    let page = pages.answers.get_mut(&format!("/v2/x/blobs/{third}")).unwrap();
    page.body[1000] ^= 1;
    let bad = Registry::start(&learner, pages);
    learner.explore(["pull", "-q", &bad.image()]).run().fails(1, "has the digest");
    let layers = std::fs::read_dir(learner.state().join("data/layers")).unwrap();
    let named = layers.filter(|one| {
        let one = one.as_ref().unwrap();
        one.file_name() != ".ingest" && one.path().is_dir()
    });
    assert!(named.count() <= 2, "a layer stands on one that is not there");
    learner.explore(["images", "-q"]).run().status(0).stdout("");
}

#[test]
fn name_and_password_are_sent_where_they_are_asked_for() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let open: Vec<(String, Answer)> = pages.answers.drain().collect();
    for (path, answer) in open {
        let refusal = Answer::status("401 Unauthorized").header("WWW-Authenticate", "Basic realm=\"x\"");
        pages.answers.insert(path.clone(), refusal);
        pages.answers.insert(format!("{path} with token"), answer);
    }
    let registry = Registry::start(&learner, pages);
    let host = format!("127.0.0.1:{}", registry.port);
    learner.explore(["pull", "-q", &registry.image()]).run().fails(1, "without a login");
    let write = |text: String| {
        std::fs::create_dir_all(learner.home().join(".docker")).unwrap();
        std::fs::write(learner.home().join(".docker/config.json"), text).unwrap();
    };
    // me:secret
    write(format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6c2VjcmV0"}}}}}}"#));
    learner.explore(["pull", "-q", &registry.image()]).run().status(0);
    let heard = registry.heard.lock().unwrap().clone();
    assert!(heard.last().unwrap().contains("Basic bWU6c2VjcmV0"), "{heard:?}");
    // The same from a helper, which is asked for this host.
    learner.explore(["rmi", &registry.image()]).run().status(0);
    let helper = learner.work().join("docker-credential-mine");
    let script = format!(
        "#!/bin/sh\nread host\ntest \"$1 $host\" = 'get {host}' || exit 1\n\
         echo '{{\"ServerURL\":\"x\",\"Username\":\"you\",\"Secret\":\"word\"}}'\n"
    );
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    write(format!(r#"{{"credHelpers":{{"{host}":"mine"}}}}"#));
    let path = format!("{}:/usr/bin:/bin", learner.work().display());
    learner.explore(["pull", "-q", &registry.image()]).env("PATH", path).run().status(0);
    let heard = registry.heard.lock().unwrap().clone();
    assert!(heard.last().unwrap().contains("Basic eW91OndvcmQ="), "{heard:?}");
    write("{".to_owned());
    learner.explore(["rmi", &registry.image()]).run().status(0);
    learner.explore(["pull", "-q", &registry.image()]).run().fails(1, ".docker/config.json is damaged: ");
}

#[test]
fn a_token_is_asked_for_with_the_login_and_the_login_goes_nowhere_else() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let challenge = "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"s\"";
    let open: Vec<(String, Answer)> = pages.answers.drain().collect();
    for (path, answer) in open {
        pages.answers.insert(path.clone(), Answer::status("401 Unauthorized").header("WWW-Authenticate", challenge));
        pages.answers.insert(format!("{path} with token"), answer);
    }
    // Only one who says who he is gets one.
    pages.answers.insert("/token?service=s".to_owned(), Answer::status("401 Unauthorized"));
    pages.answers.insert("/token?service=s with token".to_owned(), Answer::ok(r#"{"access_token":"tok"}"#));
    let registry = Registry::start(&learner, pages);
    learner.explore(["pull", "-q", &registry.image()]).run().fails(1, "without a login");
    std::fs::create_dir_all(learner.home().join(".docker")).unwrap();
    let login = format!(r#"{{"auths":{{"127.0.0.1:{}":{{"auth":"bWU6c2VjcmV0"}}}}}}"#, registry.port);
    std::fs::write(learner.home().join(".docker/config.json"), login).unwrap();
    learner.explore(["pull", "-q", &registry.image()]).run().status(0);
    let heard = registry.heard.lock().unwrap().clone();
    for line in &heard {
        assert_eq!(line.contains("Basic"), line.contains("/token") && line.contains("Basic"), "{heard:?}");
    }
    assert!(heard.iter().any(|line| line.contains("/token") && line.contains("Basic bWU6c2VjcmV0")), "{heard:?}");
    assert!(heard.last().unwrap().contains("Bearer tok"), "{heard:?}");
}

#[test]
fn a_mirror_is_asked_before_docker_hub() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let open: Vec<(String, Answer)> = pages.answers.drain().collect();
    for (path, answer) in open {
        pages.answers.insert(path.replace("/v2/x/", "/v2/library/x/"), answer);
    }
    let mirror = Registry::start(&learner, pages);
    std::fs::create_dir_all(learner.state().join("data")).unwrap();
    let settings = learner.state().join("data/registries.json");
    let text = format!(r#"{{"registry-mirrors":["http://127.0.0.1:1","http://127.0.0.1:{}"]}}"#, mirror.port);
    std::fs::write(&settings, text).unwrap();
    learner.explore(["pull", "-q", "x"]).run().status(0).stdout("x:latest\n");
    std::fs::write(&settings, r#"{"mirrors":[]}"#).unwrap();
    learner.explore(["pull", "-q", "y"]).run().fails(1, "registries.json is damaged: ");
}

#[test]
fn the_platform_that_is_asked_for_is_pulled() {
    let learner = Learner::new();
    let mut pages = Pages::honest();
    let manifest = pages.manifest_page().clone();
    let digest = Digest::of(&manifest.body);
    let mut one = descriptor(MANIFEST, &digest, manifest.body.len());
    one["platform"] = serde_json::json!({ "os": "linux", "architecture": "s390x" });
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [one] });
    *pages.manifest_page() = Answer::ok(index.to_string()).header("Content-Type", INDEX);
    pages.set(&format!("manifests/{digest}"), manifest);
    let registry = Registry::start(&learner, pages);
    learner.explore(["pull", "-q", "--platform", "linux/s390x", &registry.image()]).run().status(0);
    learner
        .explore(["pull", "-q", "--platform", "linux/arm/v7", &registry.image()])
        .run()
        .fails(1, "not made for linux/arm/v7");
    learner.explore(["pull", "--platform", "dos", &registry.image()]).run().status(125);
}
