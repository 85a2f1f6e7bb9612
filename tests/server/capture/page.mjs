// Runs the capture page's own scripts, whose folder is the argument. Reads `{ parameters, count, frames, shown, camera,
// consentVersion }` as JSON, with frames in base64, and answers `{ challenges, lights, sealed }`.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

// Older versions have it only in a module.
globalThis.crypto ??= (await import('node:crypto')).webcrypto;

const { bytesOf, challenges, lights, seal } = await import(pathToFileURL(`${process.argv[2]}/capture.js`));
const { parameters, count, frames, shown, camera, consentVersion } = JSON.parse(readFileSync(0, 'utf8'));
const taken = frames.map(({ t_ms, jpeg }) => ({ t_ms, jpeg: bytesOf(jpeg) }));
const answer = {
  challenges: await challenges(parameters.seed, bytesOf(parameters.serverRandom), count),
  lights: await lights(parameters.seed, bytesOf(parameters.serverRandom)),
  sealed: await seal(parameters, { frames: taken, shown, camera, consentVersion }),
};
process.stdout.write(JSON.stringify(answer));
