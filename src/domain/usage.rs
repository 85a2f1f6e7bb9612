//! What is counted for each provider and day.

use face::values::liveness::Reason;

use crate::domain::Operation;
use crate::domain::liveness::LivenessStatus;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// One that was asked for and done.
    Operation(Operation),
    /// How a liveness check ended whose capture was looked at.
    Verdict(LivenessStatus),
    /// Why one was refused; each reason, if there are several.
    Refusal(Reason),
}

impl Counted {
    /// The operation's name, and what came of it.
    pub fn name(self) -> String {
        let operation = Operation::ReplayLiveness.name();
        match self {
            Self::Operation(operation) => operation.name().to_owned(),
            Self::Verdict(status) => format!("{operation}/{status}"),
            Self::Refusal(reason) => format!("{operation}/{reason}"),
        }
    }
}

impl From<Operation> for Counted {
    fn from(operation: Operation) -> Self {
        Self::Operation(operation)
    }
}
