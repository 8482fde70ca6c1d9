//! Credentials: where they come from, in which order, and how a request is signed with them.
//! It knows nothing of jobs.
