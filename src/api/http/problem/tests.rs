//! Tests of the answers that clients receive for errors.

use face::values::template::Damage;
use serde_json::{Value, json};
use service::Error;

use super::*;
use crate::domain::{FaceId, Permission, SessionId};

fn told(error: Error) -> (u16, &'static str, String) {
    let problem = Problem::from(error);
    (problem.status.as_u16(), problem.code, problem.message)
}

#[test]
fn every_refusal_says_what_to_do() {
    let image = |error| Error::Image { part: "candidateImage", error };
    let (session, face) = (SessionId::new(), FaceId::new());
    let slow = media::Error::Store { place: "a folder".to_owned(), cause: "no answer in time".to_owned() };
    for (error, status, code, message) in [
        (Error::Unauthorized, 401, "UNAUTHORIZED", "A valid key is needed."),
        (Error::Forbidden(Permission::Face), 403, "FORBIDDEN", "The key lacks the permission 'face'."),
        (image(face::Error::NoFace), 400, "NO_FACE", "candidateImage: no face was found."),
        (
            image(face::Error::TooNarrow { width: 48_000_000, height: 1 }),
            400,
            "NO_FACE",
            "candidateImage: is 48000000 x 1 pixels, too narrow to show a face.",
        ),
        (image(face::Error::MultipleFaces(3)), 400, "MULTIPLE_FACES", "candidateImage: 3 faces were found."),
        (
            image(face::Error::Undecodable("cut short".to_owned())),
            400,
            "UNDECODABLE_IMAGE",
            "candidateImage: cannot be read as an image (cut short).",
        ),
        (
            image(face::Error::TooManyPixels { pixels: 60, pixels_max: 50 }),
            400,
            "IMAGE_TOO_LARGE",
            "candidateImage: has 60 pixels; at most 50 are accepted.",
        ),
        (
            Error::TemplateVersion { sent: 1202, served: 1 },
            400,
            "TEMPLATE_VERSION_MISMATCH",
            "The template has version 1202 and this server compares version 1.",
        ),
        (Error::TemplateDamaged(Damage::Checksum), 400, "TEMPLATE_INVALID", "The template is damaged:"),
        (Error::SessionNotFound(session), 404, "SESSION_NOT_FOUND", &format!("There is no session {session}.")),
        (Error::FaceNotFound(face), 404, "FACE_NOT_FOUND", &format!("The session has no face {face}.")),
        (
            Error::CallbackUrl("must be an absolute URL"),
            400,
            "INVALID_PARAMETER",
            "callbackURL: must be an absolute URL.",
        ),
        (Error::IdempotencyKey("must be short"), 400, "INVALID_PARAMETER", "Idempotency-Key: must be short."),
        (Error::IdempotencyKeyReused, 422, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for a different"),
        (Error::Failed("a secret".to_owned()), 500, "INTERNAL_ERROR", "The server failed."),
        (Error::Store(store::Error::Slow), 503, "DATABASE_UNAVAILABLE", "The database does not answer."),
        (Error::Media(slow), 503, "MEDIA_UNAVAILABLE", "The media storage is unavailable."),
        (Error::TooManyFaces(100), 409, "TOO_MANY_FACES", "The session already has 100 faces, the maximum."),
        (
            Error::TimeToLive { seconds: 9, seconds_max: 8 },
            400,
            "INVALID_PARAMETER",
            "ttlSeconds: must be at least 1 and at most 8, not 9.",
        ),
        (
            Error::Limited { limit: "3 requests in flight".to_owned(), retry_after: Duration::from_secs(1) },
            429,
            "TOO_MANY_REQUESTS",
            "This provider has reached its limit of 3 requests in flight. Send the request again after 1 s.",
        ),
    ] {
        let (told_status, told_code, told_message) = told(error);
        assert_eq!((told_status, told_code), (status, code));
        assert!(told_message.starts_with(message), "{told_message}");
    }
}

#[test]
fn a_keeper_of_keys_is_away_or_was_given_what_it_never_wrapped() {
    let refused = |status| Error::Vault(vault::Error::Refused { status, said: "a secret".to_owned() });
    for (error, status, code) in [
        (Error::Vault(vault::Error::Answer), 503, "KEY_VAULT_UNAVAILABLE"),
        (refused(403), 503, "KEY_VAULT_UNAVAILABLE"),
        (refused(400), 500, "INTERNAL_ERROR"),
        (Error::Vault(vault::Error::Missing), 500, "INTERNAL_ERROR"),
    ] {
        let (told_status, told_code, message) = told(error);
        assert_eq!((told_status, told_code), (status, code));
        assert!(!message.contains("a secret"), "{message}");
    }
}

#[test]
fn the_wait_is_rounded_up() {
    for (wait_ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)] {
        let problem = Problem::busy(Duration::from_millis(wait_ms));
        assert_eq!(problem.headers, [(header::RETRY_AFTER, HeaderValue::from(seconds))]);
    }
}

#[tokio::test]
async fn a_failure_tells_the_client_nothing_but_its_id() {
    let image = |error| Error::Image { part: "image", error };
    let problem = Problem::from(image(face::Error::Failed("out of memory".to_owned())));
    let id = problem.id;
    let response = problem.into_response();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.content_type(), Some("application/json"));
    let body: Value = response.into_body().into_json().await.expect("it is JSON");
    let message = "The server failed. Its log has the reason under this id.";
    assert_eq!(body, json!({"id": id.to_string(), "message": message, "code": "INTERNAL_ERROR"}));
}

#[test]
fn an_undocumented_status_is_our_failure() {
    let problem = Problem::busy(Duration::from_secs(1)).undocumented();
    assert_eq!((problem.code, problem.headers.len()), ("INTERNAL_ERROR", 0));
    assert!(problem.cause.is_some_and(|cause| cause.contains("TOO_MANY_REQUESTS")));
}

#[test]
fn the_framework_is_spoken_for() {
    let of = |error: poem::Error| {
        let problem = Problem::of_framework(error);
        (problem.status.as_u16(), problem.code, problem.message)
    };
    let missing = ParseParamError { name: "key", reason: "a word of the framework's".to_owned() };
    assert_eq!(of(missing.into()), (400, "INVALID_PARAMETER", "key: is required.".to_owned()));
    assert_eq!(of(Problem::malformed("x").into()), (400, "MALFORMED_BODY", "x".to_owned()));
    assert_eq!(of(NotFoundError.into()).1, "NOT_FOUND");
    assert_eq!(of(ContentTypeError::ExpectContentType.into()).0, 415);
    let (status, code, message) = of(poem::Error::from_string("secret", StatusCode::BAD_GATEWAY));
    assert_eq!((status, code), (500, "INTERNAL_ERROR"));
    assert!(!message.contains("secret"));
}
