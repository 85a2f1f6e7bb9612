// Calls, through openapi-fetch and the types of openapi-typescript, what the page of clients does not. Prints each operation
// that it has done.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./schema";

const { BIOSERVER_URL: baseUrl, BIOSERVER_KEY: apikey } = process.env;
const client = createClient<paths>({ baseUrl, headers: { apikey } });
const made = (answer: { response: Response }) => answer.response.headers.get("location")!.split("/").pop()!;
const image = async (name: string) => new Blob([await readFile(name)]) as unknown as string;
const [obama, other] = [await image("obama.jpg"), await image("obama2.jpg")];

function bodySerializer(body: object) {
  const form = new FormData();
  for (const [name, part] of Object.entries(body)) {
    form.append(name, typeof part === "object" && !(part instanceof Blob) ? JSON.stringify(part) : part);
  }
  return form;
}

const bioSessionId = made(await client.POST("/bioserver-app/v2/bio-sessions"));
const path = { bioSessionId };
const upload = { face: { imageType: "SELFIE" as const }, image: obama };
const face = await client.POST("/bioserver-app/v2/faces", { body: upload, bodySerializer });
assert(face.data?.template);
const body = { ...face.data, template: face.data.template };
const faceId = made(await client.POST("/bioserver-app/v2/bio-sessions/{bioSessionId}/faces#json", { params: { path }, body }));
const kept = await client.GET("/bioserver-app/v2/bio-sessions/{bioSessionId}/faces/{faceId}", {
  params: { path: { bioSessionId, faceId } },
});
assert(kept.data?.verified);
console.log("face from JSON");

const match = await client.POST("/bioserver-app/v2/match/images", {
  body: { referenceImage: obama, candidateImage: other, referenceImageType: "SELFIE", candidateImageType: "SELFIE" },
  bodySerializer,
});
assert(match.data && match.data.score > 3500);
console.log("match/images");

const age = await client.POST("/bioserver-app/v2/ages", { body: { age: { threshold: 18 }, image: obama }, bodySerializer });
assert(age.data?.aboveThreshold);
console.log("ages");

const begun = await client.POST("/bioserver-app/v2/bio-sessions/{bioSessionId}/init-liveness-parameters", {
  params: { path }, body: { type: "LIVENESS_ACTIVE", nbChallenge: 3 },
});
assert(begun.data?.nbChallenge === 3 && begun.data.certificates.length > 0);
console.log("liveness");

const refused = await client.POST("/bioserver-app/v2/bio-sessions/{bioSessionId}/replay-liveness", {
  params: { path }, body: "no capture", bodySerializer: (body) => new Blob([body]),
  headers: { "content-type": "application/octet-stream" },
});
assert.equal(refused.error?.code, "CAPTURE_MALFORMED");
console.log("capture");

made(await client.POST("/video-server/init-liveness-session", { body: { livenessMode: "LIVENESS_PASSIVE" } }));
console.log("legacy");

assert.equal((await client.GET("/health/ready")).data?.status, "UP");
console.log("health");

const certificate = await client.GET("/bioserver-app/v2/certificate", { parseAs: "text" });
assert(certificate.data?.startsWith("-----BEGIN CERTIFICATE-----"));
console.log("certificate");
