//! The words of the command line, taken one after the other. Pure.

use crate::AnyError;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// What has not been taken yet.
pub struct Words(std::vec::IntoIter<String>);

impl Words {
    /// All of them.
    pub fn new(words: impl Iterator<Item = String>) -> Self {
        Self(words.collect::<Vec<_>>().into_iter())
    }

    /// The next word, read as what the caller wants.
    pub fn take<T: FromStr>(&mut self) -> Result<T, AnyError>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        Ok(self.0.next().ok_or("too few words")?.parse()?)
    }

    /// An address and a port.
    pub fn address(&mut self) -> Result<SocketAddr, AnyError> {
        Ok(SocketAddr::new(self.take()?, self.take()?))
    }

    /// A number of seconds.
    pub fn seconds(&mut self) -> Result<Duration, AnyError> {
        Ok(Duration::try_from_secs_f64(self.take()?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Words {
        Words::new(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn each_word_is_taken_once_and_as_what_it_is() {
        let mut words = words("10.0.0.1 7001 1.5 12");
        assert_eq!(words.address().unwrap(), ([10, 0, 0, 1], 7001).into());
        assert_eq!(words.seconds().unwrap(), Duration::from_millis(1500));
        assert_eq!(words.take::<usize>().unwrap(), 12);
        assert!(words.take::<usize>().is_err());
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert!(words("many").take::<usize>().is_err());
        assert!(words("::1 70000").address().is_err());
        for time in ["-1", "NaN", "inf"] {
            assert!(words(time).seconds().is_err(), "{time}");
        }
    }
}
