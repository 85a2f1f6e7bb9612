"""Calls, through a client of openapi-python-client, what the page of clients does not. Prints each operation that it has done."""

import os
from io import BytesIO
from pathlib import Path
from uuid import UUID

from bioserver import AuthenticatedClient, models
from bioserver.api.ages import create_direct_age_from_image
from bioserver.api.faces import create_direct_face_from_image, create_face_from_json, get_face
from bioserver.api.legacy import init_liveness_session
from bioserver.api.liveness import init_liveness_parameters, replay_liveness
from bioserver.api.matches import match_images
from bioserver.api.operations import get_readiness
from bioserver.api.sessions import create_bio_session
from bioserver.api.system import get_certificate
from bioserver.types import File

client = AuthenticatedClient(base_url=os.environ["BIOSERVER_URL"], token=os.environ["BIOSERVER_KEY"])
obama, other = (Path(name).read_bytes() for name in ("obama.jpg", "obama2.jpg"))
selfie = models.ImageType.SELFIE

made = create_bio_session.sync_detailed(client=client, body=models.NewBioSession())
session = UUID(made.headers["location"].rsplit("/", 1)[1])
upload = models.DirectFaceUpload(face=models.FaceOptions(image_type=selfie), image=File(BytesIO(obama)))
face = create_direct_face_from_image.sync(client=client, body=upload)
assert isinstance(face, models.Face)
known = models.KnownFace.from_dict(face.to_dict())
made = create_face_from_json.sync_detailed(session, client=client, body=known)
kept = get_face.sync(session, UUID(made.headers["location"].rsplit("/", 1)[1]), client=client)
assert isinstance(kept, models.Face) and kept.verified is True
print("face from JSON")

images = models.MatchImagesUpload(File(BytesIO(obama)), File(BytesIO(other)), selfie, selfie)
match = match_images.sync(client=client, body=images)
assert isinstance(match, models.Match) and match.score > 3500
print("match/images")

question = models.AgeUpload(models.AgeOptions(threshold=18), File(BytesIO(obama)))
age = create_direct_age_from_image.sync(client=client, body=question)
assert isinstance(age, models.Age) and age.above_threshold is True
print("ages")

check = models.NewLivenessParameter(type_=models.AskedLivenessType.LIVENESS_ACTIVE, nb_challenge=3)
begun = init_liveness_parameters.sync(session, client=client, body=check)
assert isinstance(begun, models.LivenessParameters) and begun.nb_challenge == 3 and begun.certificates
print("liveness")

refusal = replay_liveness.sync(session, client=client, body=File(BytesIO(b"no capture")))
assert isinstance(refusal, models.ApiError) and refusal.code == "CAPTURE_MALFORMED"
print("capture")

old = models.NewLivenessSession(liveness_mode=models.AskedLivenessType.LIVENESS_PASSIVE)
assert "/bio-sessions/" in init_liveness_session.sync_detailed(client=client, body=old).headers["location"]
print("legacy")

health = get_readiness.sync(client=client)
assert isinstance(health, models.Health) and health.status == models.HealthStatus.UP
print("health")

certificate = get_certificate.sync(client=client)
assert isinstance(certificate, str) and certificate.startswith("-----BEGIN CERTIFICATE-----")
print("certificate")
