// Calls, through a client of openapi-generator's `typescript-fetch`, what the page of clients does not. Prints each
// operation that it has done.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import * as bioserver from "./fetch";

const { BIOSERVER_URL: basePath = "", BIOSERVER_KEY: apiKey = "" } = process.env;
const configuration = new bioserver.Configuration({ basePath, apiKey });
const faces = new bioserver.FacesApi(configuration);
const liveness = new bioserver.LivenessApi(configuration);
const made = (answer: { raw: Response }) => answer.raw.headers.get("location")!.split("/").pop()!;
const [obama, other] = await Promise.all(["obama.jpg", "obama2.jpg"].map(async (name) => new Blob([await readFile(name)])));

const bioSessionId = made(await new bioserver.SessionsApi(configuration).createBioSessionRaw({}));
const face = await faces.createDirectFaceFromImage({ face: { imageType: "SELFIE" }, image: obama });
const knownFace = bioserver.KnownFaceFromJSON(bioserver.FaceToJSON(face));
const faceId = made(await faces.createFaceFromJsonRaw({ bioSessionId, knownFace }));
assert((await faces.getFace({ bioSessionId, faceId })).verified);
console.log("face from JSON");

const match = await new bioserver.MatchesApi(configuration).matchImages({
  referenceImage: obama, candidateImage: other, referenceImageType: "SELFIE", candidateImageType: "SELFIE",
});
assert(match.score > 3500 && match.created instanceof Date);
console.log("match/images");

const ages = new bioserver.AgesApi(configuration);
assert((await ages.createDirectAgeFromImage({ age: { threshold: 18 }, image: obama })).aboveThreshold);
console.log("ages");

const newLivenessParameter = { type: bioserver.AskedLivenessType.LivenessActive, nbChallenge: 3 };
const begun = await liveness.initLivenessParameters({ bioSessionId, newLivenessParameter });
assert(begun.nbChallenge === 3 && begun.certificates.length > 0);
console.log("liveness");

const refused = liveness.replayLiveness({ bioSessionId, body: new Blob(["no capture"]) });
const refusal = await refused.catch((error) => error);
assert(refusal instanceof bioserver.ResponseError);
assert.equal(bioserver.ApiErrorFromJSON(await refusal.response.json()).code, "CAPTURE_MALFORMED");
console.log("capture");

const legacy = new bioserver.LegacyApi(configuration);
made(await legacy.initLivenessSessionRaw({ newLivenessSession: { livenessMode: "LIVENESS_PASSIVE" } }));
console.log("legacy");

assert.equal((await new bioserver.OperationsApi(configuration).getReadiness()).status, bioserver.HealthStatus.Up);
console.log("health");

assert((await new bioserver.SystemApi(configuration).getCertificate()).startsWith("-----BEGIN CERTIFICATE-----"));
console.log("certificate");
