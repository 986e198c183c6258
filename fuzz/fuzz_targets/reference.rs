//! The name of an image: what is understood must say the same when it is read again.
#![no_main]

use explore::image::Digest;
use explore::image::reference::Name;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Digest::parse(text);
    let Ok(name) = Name::parse(text) else { return };
    let again =
        Name::parse(&name.to_string()).unwrap_or_else(|error| panic!("{text:?} became {name}, and then {error}"));
    assert_eq!((&again.registry, &again.repository), (&name.registry, &name.repository), "{text:?}");
    assert_eq!(again.wanted(), name.wanted(), "{text:?}");
    // It becomes part of a path, and of a URL.
    for part in [name.registry.as_deref().unwrap_or_default(), &name.repository, &name.wanted()] {
        assert!(!part.split('/').any(|component| component == ".."), "{text:?}");
        assert!(!part.contains(char::is_whitespace) && part.is_ascii(), "{text:?}");
    }
});
