//! The keys that leave a container and let it run on: docker's `--detach-keys`, `ctrl-p,ctrl-q` without.

use std::str::FromStr;

/// What is typed one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct DetachKeys(Vec<u8>);

impl Default for DetachKeys {
    fn default() -> Self {
        Self(vec![control(b'p'), control(b'q')])
    }
}

/// What the key sends together with Ctrl: its five low bits (ASCII).
const fn control(key: u8) -> u8 {
    key & 0x1f
}

impl FromStr for DetachKeys {
    type Err = String;

    /// As docker's client reads them (moby/term, `ToBytes`); nothing at all is the usual two.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(',').map(key).collect::<Option<Vec<u8>>>().map(Self).ok_or_else(|| {
            format!("{text:?} are no keys: letters, digits and signs, or ctrl- and one of a-z @ [ \\ ] ^ _; with commas between")
        })
    }
}

fn key(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [one] => Some(*one),
        b"DEL" => Some(127),
        _ => match text.strip_prefix("ctrl-")?.as_bytes() {
            [key @ (b'a'..=b'z' | b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => Some(control(*key)),
            _ => None,
        },
    }
}

/// Reads along. What could be the beginning of the keys is held back until it is clear.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    keys: &'a DetachKeys,
    held: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn for_keys(keys: &'a DetachKeys) -> Self {
        Self { keys, held: 0 }
    }

    /// What is to be passed on, and whether all keys were typed: then the rest is for nobody.
    pub(super) fn read(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let keys = &self.keys.0;
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if *byte != keys[self.held] {
                passed.extend_from_slice(&keys[..self.held]);
                self.held = 0;
            }
            if *byte == keys[self.held] {
                self.held += 1;
            } else {
                passed.push(*byte);
            }
            if self.held == keys.len() {
                return (passed, true);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_read_as_docker_reads_them() {
        let keys = |text: &str| text.parse::<DetachKeys>().map(|keys| keys.0).ok();
        assert_eq!(keys(""), Some(vec![16, 17]));
        assert_eq!(keys("ctrl-a,x,ctrl-@,ctrl-[,DEL"), Some(vec![1, b'x', 0, 27, 127]));
        for wrong in ["ctrl-", "ctrl-A", "ctrl-1", "a,", "strg-a", "ctrl-ab"] {
            assert_eq!(keys(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_no_beginning_after_all_is_passed_on() {
        let keys = DetachKeys::default();
        let mut watch = Watch::for_keys(&keys);
        assert_eq!(watch.read(b"a\x10"), (b"a".to_vec(), false));
        assert_eq!(watch.read(b"b"), (b"\x10b".to_vec(), false));
        assert_eq!(watch.read(b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(watch.read(b"\x11c"), (Vec::new(), true));
    }
}
