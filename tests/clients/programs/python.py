"""Calls, through a client of openapi-generator's `python`, what the page of clients does not. Prints each operation that it has done."""

import os
from pathlib import Path
from uuid import UUID

from bioserver_client import ApiClient, ApiException, ApiResponse, Configuration, api, models

key = {"apikey": os.environ["BIOSERVER_KEY"]}
client = ApiClient(Configuration(host=os.environ["BIOSERVER_URL"], api_key=key))
obama, other = (Path(name).read_bytes() for name in ("obama.jpg", "obama2.jpg"))
selfie = models.ImageType.SELFIE
faces, liveness, sessions = api.FacesApi(client), api.LivenessApi(client), api.SessionsApi(client)


def made(answer: ApiResponse) -> UUID:
    assert answer.headers
    return UUID(answer.headers["location"].rsplit("/", 1)[1])


session = made(sessions.create_bio_session_with_http_info())
face = faces.create_direct_face_from_image(face=models.FaceOptions(imageType=selfie), image=obama)
known = models.KnownFace.model_validate(face.to_dict())
kept = made(faces.create_face_from_json_with_http_info(session, known))
assert faces.get_face(session, kept).verified
print("face from JSON")

match = api.MatchesApi(client).match_images(obama, other, selfie, selfie)
assert match.score > 3500 and match.reference.image_type == selfie
print("match/images")

age = api.AgesApi(client).create_direct_age_from_image(models.AgeOptions(threshold=18), obama)
assert age.above_threshold and age.threshold == 18
print("ages")

asked = models.NewLivenessParameter(type=models.AskedLivenessType.LIVENESS_ACTIVE, nbChallenge=3)
begun = liveness.init_liveness_parameters(session, asked)
assert begun.nb_challenge == 3 and begun.certificates
print("liveness")

try:
    liveness.replay_liveness(session, b"no capture")
    raise AssertionError("it is no capture")
except ApiException as refusal:
    assert isinstance(refusal.data, models.ApiError)
    assert (refusal.status, refusal.data.code) == (400, "CAPTURE_MALFORMED")
print("capture")

old = models.NewLivenessSession(livenessMode=models.AskedLivenessType.LIVENESS_PASSIVE)
assert made(api.LegacyApi(client).init_liveness_session_with_http_info(old))
print("legacy")

health = api.OperationsApi(client).get_readiness()
assert health.status == models.HealthStatus.UP and health.checks
print("health")

assert api.SystemApi(client).get_certificate().startswith("-----BEGIN CERTIFICATE-----")
print("certificate")
