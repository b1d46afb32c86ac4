//! What is sent, and what is made of what was measured. Pure.

/// What is sent repeats every 251 bytes, so that a piece that is lost or doubled shows.
pub const PATTERN: usize = 251;
/// Bytes that are sent at once: a whole number of patterns.
pub const BLOCK: usize = PATTERN * 1024;

/// A block of what is sent.
pub fn pattern() -> Vec<u8> {
    (0..BLOCK).map(|i| (i % PATTERN) as u8).collect()
}

/// How many bytes of `got`, which begins at `offset` of a download, are not what was sent.
pub fn count_wrong(offset: usize, got: &[u8]) -> usize {
    let wrong = |(at, byte): &(usize, &u8)| **byte != ((offset + at) % PATTERN) as u8;
    got.iter().enumerate().filter(wrong).count()
}

/// Numbers as a JSON list.
pub fn list(numbers: &[f64]) -> String {
    let words: Vec<String> = numbers.iter().map(|x| format!("{x:.7}")).collect();
    format!("[{}]", words.join(","))
}

/// The time in ms that this share of sorted times (ns) does not exceed; NaN without any, which
/// Python's JSON reads.
pub fn quantile_ms(sorted: &[u64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let index = ((sorted.len() as f64 * share) as usize).min(last);
    sorted
        .get(index)
        .map_or(f64::NAN, |&nanos| nanos as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_right_from_any_offset() {
        let sent = pattern().repeat(2);
        for offset in [0, 1, PATTERN, BLOCK - 1] {
            assert_eq!(count_wrong(offset, &sent[offset..BLOCK]), 0);
        }
    }

    #[test]
    fn a_lost_piece_and_a_flipped_byte_show() {
        let mut got = pattern();
        got[7] ^= 1;
        assert_eq!(count_wrong(0, &got), 1);
        got.drain(100..1500);
        assert!(count_wrong(0, &got) > BLOCK / 2);
    }

    #[test]
    fn numbers_are_json() {
        assert_eq!(list(&[]), "[]");
        assert_eq!(list(&[0.5, 2.0]), "[0.5000000,2.0000000]");
    }

    #[test]
    fn quantiles_are_of_what_is_there() {
        let sorted: Vec<u64> = (1..=100).map(|ms| ms * 1_000_000).collect();
        assert_eq!(quantile_ms(&sorted, 0.5), 51.0);
        assert_eq!(quantile_ms(&sorted, 0.99), 100.0);
        assert_eq!(quantile_ms(&[3_500_000], 0.99), 3.5);
        assert!(quantile_ms(&[], 0.5).is_nan());
    }
}
