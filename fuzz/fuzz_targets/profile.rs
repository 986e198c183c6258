//! `--security-opt seccomp=FILE`: a profile that somebody wrote becomes a program for the kernel.
#![no_main]

use explore::kernel::seccomp::{Place, Profile, compile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(profile) = Profile::parse(text) else { return };
    let place = Place { capabilities: &["CAP_CHOWN".to_owned()], kernel: (6, 18) };
    let Ok(Some(rules)) = profile.resolve(place) else { return };
    if let Ok(filter) = compile(&rules) {
        // BPF_MAXINSNS, bpf_common.h: the kernel takes no more.
        assert!((1..=4096).contains(&filter.instructions()), "{} instructions", filter.instructions());
    }
});
