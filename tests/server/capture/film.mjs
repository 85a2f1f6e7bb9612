// Chooses frames as the capture page does, whose folder is the argument. Reads a list of films as JSON,
// `[{ durationMs, everyMs }]` with the time between two frames of the camera, and answers the chosen times of each.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { chooser } = await import(pathToFileURL(`${process.argv[2]}/camera.js`));
const films = JSON.parse(readFileSync(0, 'utf8')).map(({ durationMs, everyMs }) => {
  const times = Array.from({ length: Math.ceil(durationMs / everyMs) }, (_, place) => place * everyMs);
  return times.filter(chooser(durationMs)).map(Math.round);
});
process.stdout.write(JSON.stringify(films));
