//! Runs one poller per watch.
