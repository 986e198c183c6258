//! Images of more layers than one page of mount options has room for.

use crate::containers::learners;
use crate::crafted;
use crate::forge::Forge;
use crate::support::{Learner, is_root, require};

/// Docker's own limit is 128; ours is that of overlayfs. Each layer adds a file and takes away that of the one before.
fn deep_image(learner: &Learner, layers: usize) {
    let layer = |number: usize| {
        let forge = Forge::default().file("number", &format!("{number}\n")).file(&format!("layer-{number}"), "");
        let forge = if number > 0 { forge.file(&format!(".wh.layer-{}", number - 1), "") } else { forge };
        forge.end()
    };
    crafted::image_of(learner, "deep:1", (0..layers).map(layer).collect(), |_| ());
}

#[test]
fn two_hundred_layers_are_stacked_in_order_as_root_and_not() {
    for learner in learners() {
        deep_image(&learner, 200);
        let script = "cat /number; ls -d /layer-*; echo mine > /new; cat /new";
        let command = ["run", "--rm", "--network", "none", "deep:1", "sh", "-c", script];
        let output = learner.explore(command).run();
        output.status(0).stdout("199\n/layer-199\nmine\n").stderr("");
    }
}

#[test]
fn two_hundred_layers_can_be_mounted_here() {
    require!("stages::deep", is_root(), "needs root to mount where everybody sees it");
    let learner = crate::containers::learner();
    deep_image(&learner, 200);
    learner.explore(["create", "--name", "box", "deep:1"]).run().status(0);
    let mounted = learner.explore(["layer", "mount", "box"]).run().status(0).stderr("");
    let rootfs = mounted.out.trim().replace("[HERE]", learner.everything().to_str().unwrap());
    learner.program("cat", [format!("{rootfs}/number")]).run().status(0).stdout("199\n");
    learner.explore(["layer", "umount", "box"]).run().status(0);
    learner.explore(["rm", "box"]).run().status(0);
}
