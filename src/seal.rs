//! (room seal)
