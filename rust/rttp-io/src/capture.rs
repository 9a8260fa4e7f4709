//! Where captures come from: files, growing files, pipes and an interface, all as bytes to read.
//!
//! Nothing here waits for long: a source with nothing to give says so (`TimedOut`), so that whoever reads can show rows,
//! draw progress and be stopped.

mod live;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use live::{Drops, live};

/// Longest wait for a source that has nothing.
const PATIENCE: Duration = Duration::from_millis(50);

/// A capture in a file or a pipe. With `follow` the end of a file is a wait for more.
///
/// # Errors
/// The system's reason.
pub fn open(path: &Path, follow: bool) -> io::Result<Box<dyn Read + Send>> {
    // A FIFO without a writer would hold an ordinary open until one comes.
    from_file(File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?, follow)
}

/// A capture on standard input.
///
/// # Errors
/// There is none.
pub fn stdin(follow: bool) -> io::Result<Box<dyn Read + Send>> {
    from_file(io::stdin().as_fd().try_clone_to_owned()?.into(), follow)
}

fn from_file(file: File, follow: bool) -> io::Result<Box<dyn Read + Send>> {
    let kind = file.metadata()?;
    Ok(if !kind.is_file() && !kind.is_dir() {
        Box::new(Patient(file))
    } else if follow {
        Box::new(Growing(file))
    } else {
        Box::new(file)
    })
}

/// A pipe, a terminal, a socket: asked before it is read.
struct Patient(File);

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut asked = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        match poll(&mut asked, patience) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => self.0.read(buffer),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file whose end is not the end.
struct Growing(File);

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => {
                thread::sleep(PATIENCE);
                Err(io::ErrorKind::TimedOut.into())
            }
            n => Ok(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_pipe_with_nothing_in_it_is_a_wait_and_a_closed_one_the_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut source = from_file(OwnedFd::from(reader).into(), false).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(source.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::TimedOut);
        writer.write_all(b"abc").unwrap();
        assert_eq!(source.read(&mut buffer).unwrap(), 3);
        drop(writer);
        assert_eq!(source.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_fifo_without_a_writer_is_a_wait_and_no_open_that_never_ends() {
        let path = std::env::temp_dir().join(format!("rttp-fifo-{}", std::process::id()));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut source = open(&path, false).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(source.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let mut writer = File::options().write(true).open(&path).unwrap();
        writer.write_all(b"abc").unwrap();
        assert_eq!(source.read(&mut buffer).unwrap(), 3);
        drop(writer);
        assert_eq!(source.read(&mut buffer).unwrap(), 0);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_end_of_a_growing_file_is_a_wait() {
        let path = std::env::temp_dir().join(format!("rttp-growing-{}", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        let mut source = open(&path, true).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(source.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::TimedOut);
        writer.write_all(b"abc").unwrap();
        assert_eq!(source.read(&mut buffer).unwrap(), 3);
        assert_eq!(source.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::TimedOut);
        std::fs::remove_file(path).unwrap();
    }
}
