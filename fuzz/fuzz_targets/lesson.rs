//! A lesson, which may be somebody else's: read, and shown.
#![no_main]

use explore::lesson::page::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match parse("it.md", text) {
    Ok(page) => {
        let _ = page.skeleton();
        let _ = page.blocks().count();
    }
    Err(faults) => {
        assert!(!faults.is_empty(), "refused without a reason");
        let lines = text.lines().count().max(1) + 1;
        for fault in faults {
            assert!(fault.at.line <= lines, "{fault:?} is behind the last line");
        }
    }
});
