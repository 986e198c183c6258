//! Names for numbers. Only *our* `/etc/passwd` is read: that of a place is a file which somebody else wrote. A number
//! inside a place with files of its own keeps its number, but for 0, which the kernel itself treats as root.

use std::collections::HashMap;

/// User names of this machine.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<u32, String>);

impl Users {
    /// Those of `/etc/passwd`, passwd(5); none where it cannot be read.
    pub(super) fn of_machine() -> Self {
        Self(parse(&std::fs::read_to_string("/etc/passwd").unwrap_or_default()))
    }

    /// Names of groups, from `/etc/group` (group(5)), whose first and third fields mean the same.
    pub(super) fn groups_of_machine() -> Self {
        Self(parse(&std::fs::read_to_string("/etc/group").unwrap_or_default()))
    }

    /// Nobody but root.
    pub(super) fn of_stranger() -> Self {
        Self(HashMap::from([(0, "root".to_owned())]))
    }

    /// The name, or the number.
    pub(super) fn name(&self, uid: u32) -> String {
        self.0.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

fn parse(passwd: &str) -> HashMap<u32, String> {
    let mut users = HashMap::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        // The first entry of a number is the one that getpwuid(3) finds.
        if let Some(uid) = fields.nth(1).and_then(|uid| uid.parse().ok()) {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_damage_is_skipped() {
        let users = Users(parse("root:x:0:0::/:\ntoor:x:0:0::/:\nbroken\n:x:z\nme:x:1000:1000::/:\n"));
        assert_eq!(
            [users.name(0), users.name(1000), users.name(7)],
            ["root".to_owned(), "me".to_owned(), "7".to_owned()]
        );
    }
}
