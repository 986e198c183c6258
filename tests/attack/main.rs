//! The known flaws of container engines, tried on this one. Each attack has a canary outside, and is also run where the
//! guard is missing: on *the unguarded peer* ([`peer::Peer`]: unshare(1), mount(8) and chroot(1), by path) or a reader
//! that trusts what it reads. An attack that does not reach its canary there proves nothing here.
//!
//! | known flaw | where it is tried |
//! |---|---|
//! | CVE-2019-5736 | `stages::safety::our_own_program_…`, `…nor_where_a_copy_…`; here `descriptors` (the peer) |
//! | device nodes | `stages::safety::of_all_devices_…`; here `devices` (the peer) |
//! | CVE-2016-9962, CVE-2024-21626 | `stages::safety::a_working_directory_…`; here `descriptors` |
//! | CVE-2025-31133 | here `mounts::the_images_dev_null_…` |
//! | CVE-2025-52565 | here `mounts::the_images_console_…` |
//! | CVE-2025-52881, 2019-19921, 2019-16884, 2023-27561 | `stages::safety::an_image_that_has_a_link_for_…`; here `mounts` |
//! | CVE-2026-41579, 2026-47766 | the same, for `/dev` |
//! | CVE-2021-30465, 2024-45310 | here `race` |
//! | CVE-2018-15664, 2019-14271 | here `copies` |
//! | CVE-2018-15664, 2019-18466 | `stages::safety::links_of_an_image_…`; here `mounts::a_working_directory_…` |
//! | CVE-2019-14271 | here `libraries` |
//! | CVE-2021-29136 | `images::hostile::the_root_stays_a_folder` |
//! | tar: `..`, absolute, links, devices, whiteouts | `images::hostile`, with its peer; `images::layers` |
//! | CVE-2026-33055, 2026-33056, 2025-62518 | here `archives` |
//! | bombs | `images::hostile::a_bomb_…`, `every_limit_…`; here `wire::redirects_…` |
//! | CVE-2021-41190 | `images::liars::a_manifest_that_is_not_…`; here `wire::a_document_…` |
//! | CVE-2020-15157 | `images::liars::a_token_does_not_follow_…`; here `wire` (the peer) |
//! | lying registry | `images::liars` |
//! | CVE-2022-29162, 2022-24769 | `stages::privileges`, `stages::safety::root_inside_has_…`: run and exec |
//! | CVE-2026-30892, 2016-3697 | `stages::program` (`--user` in all its forms), `stages::user` |
//! | CVE-2022-0492 | `stages::privileges`, and there with the guards off |
//! | CVE-2017-5226 | `stages::privileges` (TIOCSTI), and there without a terminal of its own |
//! | a neighbour's way in by IPv6 | `stages::network::six::a_published_port_…`, and there without our rules |
//! | exhaustion | here `exhaustion` |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../stages/crafted.rs"]
#[allow(dead_code, reason = "the stages' tests use the rest")]
mod crafted;
#[path = "../images/forge.rs"]
#[allow(dead_code, reason = "the images' tests use the rest")]
mod forge;
#[path = "../images/registry.rs"]
#[allow(dead_code, reason = "the images' tests use the rest")]
mod registry;

mod archives;
mod copies;
mod descriptors;
mod devices;
mod exhaustion;
mod libraries;
mod mounts;
mod peer;
mod race;
mod swap;
mod wire;
