//! The events that are counted for each provider and day.

use face::values::liveness::Reason;

use crate::domain::Operation;
use crate::domain::liveness::LivenessStatus;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// An operation that was carried out.
    Operation(Operation),
    /// The verdict of a liveness check whose capture was processed.
    Verdict(LivenessStatus),
    /// A reason for which a check was refused; each reason counts, if there are several.
    Refusal(Reason),
}

impl Counted {
    /// Returns the name of the operation, with the verdict or reason.
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
