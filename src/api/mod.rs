//! The DCS API: how a job is asked for, and what may hold a request back.
