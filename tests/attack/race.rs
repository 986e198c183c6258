//! CVE-2021-30465, CVE-2024-45310: the target of a mount becomes a link between the look and the mount. Another
//! container can do that, in a volume that both have.

use crate::forge::Forge;
use crate::peer::Peer;
use crate::support::{is_root, require};
use crate::swap;

#[test]
fn a_mount_target_that_becomes_a_link_meanwhile_leads_nowhere() {
    require!("attack::race", is_root(), "needs root for a machine of its own");
    let peer = Peer::with(|_| Forge::default().file("x", ""));
    let volume = peer.learner.work().join("volume");
    std::fs::create_dir_all(volume.join("target")).unwrap();
    std::os::unix::fs::symlink(&peer.outside, volume.join("link")).unwrap();
    let told = swap::meanwhile(&volume, || {
        let volumes = [format!("{}:/v", volume.display()), format!("{}:/v/target/in", peer.learner.tmp().display())];
        for _ in 0..swap::rounds() {
            let told = peer.explore(&["-v", &volumes[0], "-v", &volumes[1]], "echo over");
            // Either it has found one place, or it says that it could not.
            assert!(told.out == "over\n" || told.code == 125 && told.err.contains("/v/target/in"), "{}", told.shown());
            peer.assert_untouched();
        }
        let careless =
            format!("n=0; while [ $n -lt 3000 ]; do n=$((n+1)); mkdir -p {0}/target/in; done", volume.display());
        peer.unguarded(&careless)
    });
    peer.assert_reached(&told);
}
