//! `explore pull demo`, `images`, `rmi`: with and without a network, as root and not.

use crate::support::{HostState, Learner, explore, is_root, require};
use explore::image::demo::Recipe;
use explore::stages::pull::{Options, pull};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

fn pulled() -> Learner {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0).stdout("demo:latest\n").stderr("");
    learner
}

#[test]
fn the_demo_comes_with_loopback_down_and_leaves_the_host_as_it_was() {
    let learner = Learner::new();
    let before = HostState::of(&learner);
    let output = learner.explore(["pull", "demo"]).run().status(0);
    let lines: Vec<&str> = output.out.lines().collect();
    assert_eq!(lines[0], "latest: Pulling from demo");
    assert!(lines[1].ends_with(": Pull complete") && lines[2].ends_with(": Pull complete"), "{}", output.shown());
    assert!(lines[3].starts_with("Digest: sha256:"), "{}", output.shown());
    assert_eq!(lines[4..], ["Status: Downloaded newer image for demo:latest", "demo:latest"]);
    before.assert_unchanged();
}

#[test]
fn the_second_pull_does_nothing_and_says_so() {
    let learner = pulled();
    let layers = learner.state().join("data/layers");
    let seen = || {
        let mut all: Vec<_> = std::fs::read_dir(&layers).unwrap().map(|one| one.unwrap()).collect();
        all.sort_by_key(std::fs::DirEntry::file_name);
        all.iter().map(|one| one.metadata().unwrap().ctime_nsec()).collect::<Vec<_>>()
    };
    let before = seen();
    let output = learner.explore(["pull", "demo"]).run().status(0);
    assert_eq!(output.out.matches(": Already exists").count(), 2, "{}", output.shown());
    assert!(output.out.contains("Status: Image is up to date for demo:latest\n"), "{}", output.shown());
    assert_eq!(seen()[1..], before[1..], "layers are not unpacked again");
}

#[test]
fn the_same_machine_gives_the_same_image() {
    let (one, other) = (pulled(), pulled());
    let digest =
        |learner: &Learner| learner.explore(["images", "--json"]).run().status(0).json()["images"][0]["digest"].clone();
    assert_eq!(digest(&one), digest(&other));
}

#[test]
fn the_second_layer_changes_one_file_and_takes_one_away() {
    let learner = pulled();
    let pulled = learner.explore(["pull", "--json", "demo"]).run().status(0).json();
    let folder = |layer: usize| {
        let chain = pulled["layers"][layer]["chain_id"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        learner.state().join("data/layers").join(chain)
    };
    let (base, top) = (folder(0), folder(1));
    assert!(base.join("etc/removed-by-layer-2").is_file());
    let whiteout = top.join("etc/removed-by-layer-2").symlink_metadata().unwrap();
    assert!(whiteout.file_type().is_char_device() && whiteout.rdev() == 0);
    let motd = |folder: &std::path::Path| std::fs::read_to_string(folder.join("etc/motd")).unwrap();
    assert_ne!(motd(&base), motd(&top));
    assert_eq!(pulled["layers"][0]["diff_id"], pulled["layers"][0]["chain_id"], "at the base they are the same");
    assert_ne!(pulled["layers"][1]["diff_id"], pulled["layers"][1]["chain_id"]);
}

#[test]
fn all_programs_of_the_image_find_their_libraries_inside() {
    require!("images::chroot", is_root(), "chroot needs root");
    let learner = pulled();
    let layers = learner.state().join("data/layers");
    let base =
        std::fs::read_dir(layers).unwrap().map(|one| one.unwrap().path()).find(|path| path.join("bin/sh").exists());
    let script = "for program in /usr/bin/* /usr/sbin/* /bin/*; do /bin/true; case $(\"$program\" --version </dev/null 2>&1) in \
                  *'error while loading'*|*'not found'*) echo \"$program\";; esac; done";
    let base = base.unwrap().to_str().unwrap().to_owned();
    learner.program("chroot", [&base, "/bin/sh", "-c", script]).run().status(0).stdout("");
}

#[test]
fn images_are_listed_as_docker_lists_them() {
    let learner = Learner::new();
    learner.explore(["images"]).run().status(0).stdout("REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let output = learner.explore(["images"]).run().status(0);
    let lines: Vec<&str> = output.out.lines().collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines[0]), ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]);
    assert_eq!(words(lines[1])[..2], ["demo", "latest"]);
    assert_eq!(lines[1].find("latest"), lines[0].find("TAG"), "columns stand below their heads");
    let short = learner.explore(["images", "-q"]).run().status(0).out;
    let long = learner.explore(["images", "-q", "--no-trunc"]).run().status(0).out;
    assert_eq!(short.trim().len(), 12);
    assert!(long.starts_with(&format!("sha256:{}", short.trim())), "{long}");
}

#[test]
fn an_image_goes_with_its_last_name_and_not_while_a_container_stands_on_it() {
    let learner = pulled();
    let id = learner.explore(["images", "-q", "--no-trunc"]).run().out.trim().to_owned();
    let container = learner.state().join("data/containers/c0ffee");
    std::fs::create_dir_all(&container).unwrap();
    std::fs::write(container.join("container.json"), format!("{{\"image_id\":\"{id}\"}}")).unwrap();
    learner.explore(["rmi", "demo"]).run().fails(1, "image demo:latest is used by container c0ffee");
    std::fs::remove_dir_all(&container).unwrap();
    learner
        .explore(["rmi", "demo"])
        .run()
        .status(0)
        .stdout(&format!("Untagged: demo:latest\nDeleted: {id}\n"))
        .stderr("");
    for folder in ["images/blobs/sha256", "layers"] {
        let left = std::fs::read_dir(learner.state().join("data").join(folder)).unwrap();
        assert_eq!(left.filter(|one| one.as_ref().unwrap().file_name() != ".ingest").count(), 0, "{folder}");
    }
    learner.explore(["rmi", "demo"]).run().fails(1, "no such image: demo");
}

#[test]
fn one_who_is_not_root_pulls_too() {
    require!("images::user", is_root(), "only root can become another user");
    let learner = Learner::user();
    learner.explore(["pull", "-q", "demo"]).run().status(0).stdout("demo:latest\n").stderr("");
    learner.explore(["pull", "demo"]).run().status(0).stdout_has("Image is up to date");
    learner.explore(["rmi", "demo"]).run().status(0);
}

#[test]
fn a_machine_without_ps_and_ip_gets_our_own_in_the_image() {
    require!("images::stand-in", is_root(), "chroot needs root");
    let learner = Learner::new();
    let poor = learner.work().join("bin");
    std::fs::create_dir(&poor).unwrap();
    for name in ["sh", "ls", "cat", "sleep", "readlink"] {
        std::os::unix::fs::symlink(format!("/bin/{name}"), poor.join(name)).unwrap();
    }
    let recipe = Recipe { search: vec![poor], program: env!("CARGO_BIN_EXE_explore").into() };
    let roots = explore::state::Roots::find(Some(&learner.state())).unwrap();
    let options = Options { recipe, ..Options::default() };
    let pulled = learner.at_machine(|| pull(&roots, "demo", &options, &mut ()).unwrap());
    let base = pulled.image.layers[0].folder.to_str().unwrap().to_owned();
    for name in ["ps", "ip"] {
        learner.program("chroot", [&base, "/bin/sh", "-c", &format!("/usr/bin/{name} --version")]).run();
        let link = std::fs::read_link(pulled.image.layers[0].folder.join("usr/bin").join(name)).unwrap();
        assert_eq!(link, std::path::Path::new("/usr/libexec/explore"));
    }
    let program = pulled.image.layers[0].folder.join("usr/libexec/explore");
    let size = |path: &std::path::Path| path.metadata().unwrap().len();
    assert_eq!(size(&program), size(std::path::Path::new(env!("CARGO_BIN_EXE_explore"))));
    learner.program("chroot", [&base, "/usr/libexec/explore", "--version"]).run().status(0);
}

#[test]
fn what_is_no_name_is_refused_before_anything_is_asked() {
    explore(["pull", "Debian"]).run().fails(1, "a repository name must be lowercase");
    explore(["pull", ""]).run().fails(1, "invalid reference format");
    explore(["pull"]).run().status(1);
    explore(["images", "--nosuch"]).run().status(125);
}

#[test]
fn twenty_pulls_at_once_fetch_each_layer_whole() {
    let learner = Learner::new();
    let all: Vec<_> = (0..20).map(|_| learner.explore(["pull", "-q", "demo"]).spawn()).collect();
    for one in all {
        one.finish("explore pull -q demo").status(0).stdout("demo:latest\n").stderr("");
    }
    learner.explore(["pull", "demo"]).run().status(0).stdout_has("Image is up to date");
}

#[test]
fn a_demo_tag_that_is_not_there_is_refused_by_the_registry() {
    pulled().explore(["pull", "-q", "demo:nosuch"]).run().fails(1, "cannot pull demo:nosuch: the registry 127.0.0.1:");
}
