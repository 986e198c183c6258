//! `explore registry`: the other end of a pull.

use crate::support::{Learner, eventually, is_root, require};

#[test]
fn one_explore_pulls_from_another_and_the_log_has_each_request_once() {
    require!("images::served::log", is_root(), "needs root to bring a loopback up");
    let learner = Learner::new();
    learner.program("ip", ["link", "set", "lo", "up"]).run().status(0);
    let manifest = learner.explore(["pull", "--json", "demo"]).run().status(0).json();
    let log = learner.work().join("log");
    let typed = format!("exec \"$EXPLORE\" --json registry >{}", log.display());
    let server = learner.program("sh", ["-c", &typed]).spawn();
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("it listens", || said().contains("127.0.0.1:5000"));
    let other = learner.work().join("other");
    let pull = || learner.explore(["--root"]).arg(&other).args(["pull", "-q", "127.0.0.1:5000/demo"]).run().status(0);
    pull().stdout("127.0.0.1:5000/demo:latest\n");
    let asked = || {
        let lines = said();
        let requests = lines.lines().skip(1).map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        requests
            .map(|one| (one["path"].as_str().unwrap().to_owned(), one["status"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let manifest_alone = vec![("/v2/demo/manifests/latest".to_owned(), 200)];
    let mut first = asked();
    assert_eq!(first.remove(0), manifest_alone[0]);
    first.sort();
    let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["digest"]);
    let blobs =
        std::iter::once(&manifest["id"]).chain(layers).map(|one| format!("/v2/demo/blobs/{}", one.as_str().unwrap()));
    let mut blobs: Vec<(String, u64)> = blobs.map(|path| (path, 200)).collect();
    blobs.sort();
    assert_eq!(first, blobs);
    // What is here is not fetched again: the manifest alone says whether it is.
    let before = asked().len();
    pull();
    assert_eq!(asked().split_off(before), manifest_alone);
    learner.explore(["registry"]).run().fails(1, "cannot listen on 127.0.0.1:5000: Address already in use");
    drop(server);
}
