//! The other half of `stages::safety::of_all_devices_six_are_there_and_no_other_can_be_opened`.

use crate::forge::Forge;
use crate::peer::Peer;
use crate::support::{is_root, require};

#[test]
fn a_node_in_the_image_opens_where_the_mount_allows_it() {
    require!("attack::devices", is_root(), "needs root to make nodes");
    // The canary is the host's /dev/zero, by its number.
    let peer = Peer::with(|_| Forge::default().device("canary", 1, 5));
    let told = peer.explore(&[], "head -c 4 /canary | wc -c");
    assert!(told.out == "0\n" && told.err.contains("Permission denied"), "{}", told.shown());
    // An overlay has flags of its own, so that a peer who forgets nodev opens it.
    let told = peer.unguarded("mount -o remount,bind,dev $ROOT; chroot $ROOT sh -c 'head -c 4 /canary | wc -c'");
    assert_eq!(told.out, "4\n", "{}", told.shown());
}
