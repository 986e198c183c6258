//! What is typed behind flags: ports, hosts, addresses, networks, devices, limits, mounts.
#![no_main]

use explore::stages::create::limits::{Device, DeviceRule};

use explore::stages::create::{Network, Ulimit, parse_mount, parse_tmpfs, parse_volume};
use explore::stages::exit::Signal;
use explore::stages::network::{Subnet, parse_host, parse_mac, publish};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(published) = publish::parse(text) {
        assert!(!published.is_empty(), "{text:?} publishes nothing");
    }
    let _ = publish::ports(text);
    let _ = parse_host(text);
    let _ = parse_mac(text);
    let _ = text.parse::<Signal>();
    let _ = Device::parse(text);
    let _ = DeviceRule::parse(text);
    for parse in [parse_volume, parse_mount, parse_tmpfs] {
        if let Ok(mount) = parse(text) {
            assert!(mount.target.starts_with("/"), "{text:?} would be mounted at {}", mount.target.display());
        }
    }
    // What is understood must say the same when it is read again.
    if let Ok(subnet) = text.parse::<Subnet>() {
        assert_eq!(subnet.to_string().parse(), Ok(subnet), "{text:?}");
    }
    if let Ok(mode) = text.parse::<Network>() {
        assert_eq!(mode.to_string().parse().ok(), Some(mode), "{text:?}");
    }
    if let Ok(limit) = text.parse::<Ulimit>() {
        let _ = limit.check();
    }
});
