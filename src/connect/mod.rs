//! From options, configuration and environment to a session with the service: credential, endpoint
//! and project.
