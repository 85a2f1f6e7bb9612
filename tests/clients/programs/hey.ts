// Calls, through a client of @hey-api/openapi-ts, what the page of clients does not. Prints each operation that it has done.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import * as bioserver from "./hey";
import { client } from "./hey/client.gen";

const { BIOSERVER_URL: baseUrl, BIOSERVER_KEY: auth } = process.env;
client.setConfig({ baseUrl, auth });
const made = (answer: { response?: Response }) => answer.response!.headers.get("location")!.split("/").pop()!;
const [obama, other] = await Promise.all(["obama.jpg", "obama2.jpg"].map(async (name) => new Blob([await readFile(name)])));

const path = { bioSessionId: made(await bioserver.createBioSession()) };
const face = await bioserver.createDirectFaceFromImage({ body: { face: { imageType: "SELFIE" }, image: obama } });
assert(face.data?.template);
const known = { ...face.data, template: face.data.template };
const faceId = made(await bioserver.createFaceFromJson({ path, body: known }));
assert((await bioserver.getFace({ path: { ...path, faceId } })).data?.verified);
console.log("face from JSON");

const images = { referenceImage: obama, candidateImage: other };
const match = await bioserver.matchImages({
  body: { ...images, referenceImageType: "SELFIE", candidateImageType: "SELFIE" },
});
assert(match.data && match.data.score > 3500);
console.log("match/images");

const age = await bioserver.createDirectAgeFromImage({ body: { age: { threshold: 18 }, image: obama } });
assert(age.data?.aboveThreshold);
console.log("ages");

const begun = await bioserver.initLivenessParameters({ path, body: { type: "LIVENESS_ACTIVE", nbChallenge: 3 } });
assert(begun.data?.nbChallenge === 3 && begun.data.certificates.length > 0);
console.log("liveness");

const refused = await bioserver.replayLiveness({ path, body: new Blob(["no capture"]) });
assert.equal(refused.error?.code, "CAPTURE_MALFORMED");
console.log("capture");

made(await bioserver.initLivenessSession({ body: { livenessMode: "LIVENESS_PASSIVE" } }));
console.log("legacy");

assert.equal((await bioserver.getReadiness()).data?.status, "UP");
console.log("health");

assert((await bioserver.getCertificate()).data?.startsWith("-----BEGIN CERTIFICATE-----"));
console.log("certificate");
