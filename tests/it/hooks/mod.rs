//! Hooks, made as the configuration asks for them, and what arrives.
