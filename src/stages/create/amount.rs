//! Amounts of memory and of disk, as docker has them typed and as it prints them.

/// `64m`, `1.5g`: docker's suffixes, powers of 1024; -1 for no limit.
///
/// # Errors
/// What is no amount.
pub fn bytes(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no amount: 67108864, 65536k, 64m, 1.5g");
    if text == "-1" {
        return Ok(-1);
    }
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || part.len() > 9 {
        return Err(wrong());
    }
    let unit = 1i128 << shift;
    let whole: i128 = whole.parse().map_err(|_| wrong())?;
    let part = format!("{part:0<9}").parse::<i128>().map_err(|_| wrong())? * unit / 1_000_000_000;
    whole.checked_mul(unit).and_then(|amount| i64::try_from(amount + part).ok()).ok_or_else(wrong)
}

/// Bytes as Docker prints them: powers of 1000, three digits (docker/go-units, `HumanSize`).
#[allow(clippy::cast_precision_loss)] // three digits are shown
pub fn size(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, 0);
    while amount >= 999.5 && unit < 4 {
        amount /= 1000.0;
        unit += 1;
    }
    let unit = ["B", "kB", "MB", "GB", "TB"][unit];
    match amount {
        amount if unit == "B" || amount >= 99.95 => format!("{amount:.0}{unit}"),
        amount if amount >= 9.995 => format!("{}{unit}", trimmed(&format!("{amount:.1}"))),
        amount => format!("{}{unit}", trimmed(&format!("{amount:.2}"))),
    }
}

fn trimmed(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_docker_writes_them() {
        let table = [
            ("64m", 64 << 20),
            ("1GB", 1 << 30),
            ("1.5k", 1536),
            ("-1", -1),
            ("7", 7),
            ("2MiB", 2 << 20),
            ("1t", 1 << 40),
        ];
        for (text, amount) in table {
            assert_eq!(bytes(text), Ok(amount), "{text}");
        }
        for bad in ["", "m", "1x", "-2", "1..5k", ".5m", "99999999999t", "1.0000000001g", "0x10"] {
            assert!(bytes(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_those_that_docker_prints() {
        let table = [(0, "0B"), (999, "999B"), (1000, "1kB"), (1_500, "1.5kB"), (12_345_678, "12.3MB")];
        for (bytes, text) in
            table.into_iter().chain([(123_456_789, "123MB"), (1_230_000_000, "1.23GB"), (72_300_000_000, "72.3GB")])
        {
            assert_eq!(size(bytes), text);
        }
    }
}
