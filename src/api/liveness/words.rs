//! Converts the words of liveness checks between the contract and the domain.

use face::values::liveness::{self, Measure, Reason};

use crate::api::types::{
    AskedLivenessType, AttestationReason, LivenessMeasure, LivenessType, ReplayReason, ReplayState, SecurityLevel,
};
use crate::domain::attestation;
use crate::domain::liveness::LivenessStatus;

pub fn asked_type(asked: AskedLivenessType) -> liveness::LivenessType {
    match asked {
        AskedLivenessType::LivenessActive | AskedLivenessType::LivenessHigh => liveness::LivenessType::Active,
        AskedLivenessType::LivenessPassive => liveness::LivenessType::Passive,
        AskedLivenessType::LivenessPassiveVideo => liveness::LivenessType::PassiveVideo,
    }
}

pub fn wire_type(liveness_type: liveness::LivenessType) -> LivenessType {
    match liveness_type {
        liveness::LivenessType::Active => LivenessType::LivenessActive,
        liveness::LivenessType::Passive => LivenessType::LivenessPassive,
        liveness::LivenessType::PassiveVideo => LivenessType::LivenessPassiveVideo,
    }
}

pub fn level(level: SecurityLevel) -> liveness::SecurityLevel {
    match level {
        SecurityLevel::Low => liveness::SecurityLevel::Low,
        SecurityLevel::Medium => liveness::SecurityLevel::Medium,
        SecurityLevel::High => liveness::SecurityLevel::High,
    }
}

/// Converts words that have the same names on both sides, from the domain to the contract.
macro_rules! words {
    ($out:ident: $domain:ty => $wire:ident, $($word:ident),*) => {
        pub fn $out(word: $domain) -> $wire {
            match word {
                $(<$domain>::$word => $wire::$word,)*
            }
        }
    };
}
words!(wire_level: liveness::SecurityLevel => SecurityLevel, Low, Medium, High);
words!(
    wire_state: LivenessStatus => ReplayState, Initialized, InProgress, Success, Failed, Spoof, Timeout, Error
);
words!(
    wire_reason: Reason => ReplayReason,
    NoFace, MultipleFaces, TooShort, PoorQuality, ChallengeNotPerformed, LightNotReflected, FlatLight, EyesClosed, FaceChanged, Cut, FlatMotion, Frozen,
    Injected, SpoofNetwork, NotAttested
);
words!(
    wire_measure: Measure => LivenessMeasure,
    Face, Eyes, Movements, OnePerson, Continuity, Relief, Life, Renewal, Camera, SpoofNetwork, Light, Attestation
);
words!(
    wire_attestation_reason: attestation::AttestationReason => AttestationReason,
    Missing, TooLong, Malformed, UnknownKey, WrongAlgorithm, WrongSignature, OtherCheck, LifetimeTooLong, NotYetValid,
    Expired
);
