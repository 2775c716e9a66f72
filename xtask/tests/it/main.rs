//! The gates, over real git repositories.
