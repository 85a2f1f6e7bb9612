// Runs the face detector of the capture page, whose folder is the argument. Reads `{ network, side, pictures }` as
// JSON, with the network's file and the pictures (RGBA) in base64, and answers the faces in each.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { faces } = await import(pathToFileURL(`${process.argv[2]}/detector.js`));
const { Network } = await import(pathToFileURL(`${process.argv[2]}/network.js`));
const { network, side, pictures } = JSON.parse(readFileSync(0, 'utf8'));
const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
const read = new Network(bytes(network));
process.stdout.write(JSON.stringify(pictures.map((picture) => faces(read, bytes(picture), side))));
