//! The system errors that are temporary: they pass by themselves, or once the machine is repaired.

use std::io;

use rustix::io::Errno;

/// Whether the same call may succeed later without a change to what this program was told: the disk is
/// full or fails, or the system lacks a resource. A wrong path or a lack of permission isn't temporary.
pub(crate) fn is_temporary(error: &io::Error) -> bool {
    const TEMPORARY: [Errno; 17] = [
        // Disks: no free space or inode, a quota, failed hardware, a file system that became read-only.
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::IO,
        Errno::ROFS,
        Errno::FBIG,
        // Resources: descriptors of the process and of the system, memory, locks.
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::NOBUFS,
        Errno::NOLCK,
        // The file or the device is in use.
        Errno::AGAIN,
        Errno::INTR,
        Errno::BUSY,
        // Network file systems.
        Errno::STALE,
        Errno::TIMEDOUT,
        Errno::HOSTDOWN,
        Errno::NOTCONN,
    ];
    Errno::from_io_error(error).is_some_and(|errno| TEMPORARY.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_temporary_and_what_was_asked_wrongly_is_not() {
        let is_temporary = |errno: Errno| is_temporary(&io::Error::from(errno));
        for errno in [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::IO,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::ROFS,
        ] {
            assert!(is_temporary(errno), "{errno:?}");
        }
        for errno in [
            Errno::ACCESS,
            Errno::PERM,
            Errno::NOENT,
            Errno::NOTDIR,
            Errno::ISDIR,
            Errno::NAMETOOLONG,
            Errno::LOOP,
            Errno::INVAL,
        ] {
            assert!(!is_temporary(errno), "{errno:?}");
        }
        let other = io::Error::other("as a library says it");
        assert!(!super::is_temporary(&other));
    }
}
