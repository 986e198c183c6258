//! `explore kit`: what is on a workshop's stick is enough, without a network, for somebody who has nothing else.

use crate::support::{Learner, has_program, is_root, require};
use std::path::Path;

/// The commands of the README: the first lines that are set in and follow a colon.
fn commands(kit: &Path) -> String {
    let text = std::fs::read_to_string(kit.join("README.txt")).unwrap();
    let block = text.split_once("in this folder:\n\n").unwrap().1;
    block.lines().take_while(|line| line.starts_with("    ")).map(|line| format!("{}\n", line.trim())).collect()
}

#[test]
fn its_first_commands_bring_a_stranger_without_a_network_to_the_end_of_a_lesson() {
    require!("kit::stranger", is_root(), "becoming an unlisted user needs root");
    let maker = Learner::new();
    let made = maker.explore(["kit", "stick", "--json"]).run().status(0).json();
    let kit = maker.work().join("stick");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("Vagrantfile");
    assert_eq!(std::fs::read(kit.join("Vagrantfile")).ok(), std::fs::read(sources).ok());
    assert!(made["files"].as_u64() >= Some(4) && made["lacking"].as_array().is_some(), "{made}");
    maker.program("sha256sum", ["--quiet", "-c", "SHA256SUMS"]).folder(&kit).run().status(0).stdout("").stderr("");

    let stranger = Learner::user();
    let typed = commands(&kit).replace("lesson pid-namespace", "lesson --yes pid-namespace");
    assert!(typed.lines().count() >= 6 && typed.contains("--yes"), "{typed}");
    // The machine of a test has no interface but a loopback that is down.
    let typed = format!("test $(grep -c : /proc/net/dev) = 1\n{typed}./explore run --rm demo echo from the image\n");
    let run =
        stranger.program("sh", ["-euc", &typed]).usual_folders().folder(&kit).wrapped_by(["env", "-u", "EXPLORE"]);
    let output = run.run().status(0);
    for said in ["single-uid: ", "Loaded image: demo:latest\n", "from the image\n", "holds"] {
        assert!(output.out.contains(said), "{said}: {}", output.shown());
    }
    assert!(stranger.home().join("explore/explore").is_file());
}

#[test]
fn a_kit_is_whole_or_not_there_and_never_lies_over_something() {
    let learner = Learner::new();
    std::fs::create_dir(learner.work().join("taken")).unwrap();
    std::fs::write(learner.work().join("text"), "no program").unwrap();
    // What a killed one has left: its lock is free.
    std::fs::create_dir(learner.work().join(".explore-kit-killed")).unwrap();
    std::fs::write(learner.work().join(".explore-kit-killed/.lock"), "").unwrap();
    for (words, said) in [
        (&["taken"][..], "taken is there already"),
        (&["none/stick"], "cannot write none: "),
        (&["stick", "--binary", "text"], "text is no program for Linux"),
        (&["stick", "--box", "text"], "text is named after no provider"),
        (&["stick", "--kernel", "text"], "text is no Linux kernel"),
        (&["stick", "--image", "nosuch"], "no such image: nosuch"),
    ] {
        let output = learner.explore(["kit"]).args(words).run();
        assert!(output.out.is_empty() && output.code != 0, "{}", output.shown());
        output.stderr_has(said);
    }
    let mut left: Vec<_> = std::fs::read_dir(learner.work()).unwrap().map(|one| one.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["taken", "text"]);
    learner.explore(["kit"]).run().status(2).stdout("");
}

/// A package of the kind that Debian has, with nothing in it.
fn package(learner: &Learner, repository: &Path, name: &str, depends: &str) {
    let root = learner.tmp().join(name);
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    let control = format!(
        "Package: {name}\nVersion: 1:1.0\nArchitecture: all\nMaintainer: nobody <n@localhost>\n{depends}Description: empty\n"
    );
    std::fs::write(root.join("DEBIAN/control"), control).unwrap();
    learner.program("dpkg-deb", ["--root-owner-group", "--build"]).args([&root, repository]).run().status(0);
}

#[test]
fn packages_come_with_what_they_depend_on_and_apt_finds_them_on_the_stick() {
    require!("kit::packages", has_program("apt-get") && has_program("dpkg-deb"), "packages are Debian's");
    let learner = Learner::new();
    let [repository, stick] = ["repository", "stick"].map(|name| learner.work().join(name));
    std::fs::create_dir(&repository).unwrap();
    package(&learner, &repository, "xt-emulator", "Depends: xt-library\n");
    package(&learner, &repository, "xt-library", "");
    package(&learner, &repository, "xt-other", "");
    // A source of these three alone, read by an apt that knows no other and has nothing installed.
    let script = r#"
        cd "$1"; for deb in *.deb; do dpkg-deb --field $deb; echo "Filename: ./$deb"; echo "Size: $(stat -c %s $deb)"
        echo "SHA256: $(sha256sum $deb | cut -d' ' -f1)"; echo; done >Packages; cd ..
        mkdir -p lists/partial; : >status; echo "deb [trusted=yes] file:$1 ./" >sources
        printf '%s\n' "Dir::Etc::sourcelist \"$PWD/sources\";" 'Dir::Etc::sourceparts "-";' "Dir::State::lists \"$PWD/lists\";" \
            "Dir::State::status \"$PWD/status\";" 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
            'APT::Sandbox::User "";' 'Debug::NoLocking "1";' >apt.conf
        APT_CONFIG=$PWD/apt.conf apt-get -q update"#;
    let fill = |folder: &Path| {
        learner.program("sh", ["-euc", script, "sh"]).arg(folder).run().status(0);
    };
    fill(&repository);
    let configuration = learner.work().join("apt.conf");
    let kit = |packages: &str| learner.explore(["kit", "stick", packages]).env("APT_CONFIG", &configuration).run();
    kit("--packages=xt-none")
        .status(1)
        .stdout("")
        .stderr_has("cannot get packages: apt-get: Unable to locate package xt-none");
    let made = kit("--packages=xt-emulator").status(0).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(made.contains("xt-emulator, 2 packages of "), "{made}");
    let found: Vec<_> =
        std::fs::read_dir(stick.join("packages")).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(found.len(), 4, "two packages, their index, a script: {found:?}");
    let text = std::fs::read_to_string(stick.join("packages/install.sh")).unwrap();
    assert!(text.contains("--no-install-recommends xt-emulator\n"), "{text}");
    // The stick as the only source. Nothing is installed by a test: apt says what it would do.
    std::fs::write(learner.work().join("sources"), format!("deb [trusted=yes] file:{}/packages ./\n", stick.display()))
        .unwrap();
    let apt = |words: &[&str]| learner.program("apt-get", words).env("APT_CONFIG", &configuration).run().status(0);
    apt(&["-q", "update"]);
    let fetched = apt(&["-q", "--yes", "--download-only", "install", "xt-emulator"]);
    assert!(fetched.out.contains("xt-library") && fetched.out.contains("Download complete"), "{}", fetched.shown());
}
