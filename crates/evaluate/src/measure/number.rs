//! Formats numbers for people.

use crate::measure::interval::Interval;

/// Formats a share in percent, with three significant digits.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 {
        return String::from("0");
    }
    let decimals = (2.0 - percent.abs().log10().floor()).clamp(0.0, 8.0) as usize;
    let text = format!("{percent:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Formats an interval of shares in percent, with three significant digits.
pub fn percents(interval: Interval) -> String {
    format!("[{}, {}]", percent(interval.low), percent(interval.high))
}

/// Formats a share in percent, with two decimals.
pub fn hundredths(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// Formats an interval of shares in percent, with two decimals.
pub fn hundredths_of(interval: Interval) -> String {
    format!("[{}, {}]", hundredths(interval.low), hundredths(interval.high))
}

/// Formats a number with a comma before every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Stands in a table where there is no figure.
pub fn dash() -> String {
    String::from("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_for_people() {
        assert_eq!(["0", "999", "1,000", "29,640,749"].map(String::from), [0, 999, 1000, 29_640_749].map(grouped));
        for (share, text) in
            [(0.0, "0"), (1.0, "100"), (0.01, "1"), (0.012345, "1.23"), (1.31e-6, "0.000131"), (0.99999, "100")]
        {
            assert_eq!(percent(share), text);
        }
        assert_eq!(percents(Interval { low: 0.0, high: 1e-4 }), "[0, 0.01]");
        assert_eq!(hundredths_of(Interval { low: 0.98765, high: 1.0 }), "[98.77, 100.00]");
    }
}
