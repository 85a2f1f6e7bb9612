//! Bodies as they stand on the wire.
