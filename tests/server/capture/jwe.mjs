// Encrypts and decrypts with jose, whose folder is the first argument. The others are `seal ALG CERTIFICATE` or `open
// ALG KEY`, both in PEM. Reads the input from standard input, and writes the result to standard output.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

// Older versions have it only in a module.
globalThis.crypto ??= (await import('node:crypto')).webcrypto;

const [folder, command, alg, path] = process.argv.slice(2);
const entry = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')).exports['.'].default;
const { CompactEncrypt, compactDecrypt, importPKCS8, importX509 } = await import(pathToFileURL(`${folder}/${entry}`));

const given = readFileSync(0);
const pem = readFileSync(path, 'utf8');
if (command === 'seal') {
  const sealing = new CompactEncrypt(given).setProtectedHeader({ alg, enc: 'A256GCM' });
  process.stdout.write(await sealing.encrypt(await importX509(pem, alg)));
} else {
  const { plaintext } = await compactDecrypt(given.toString(), await importPKCS8(pem, alg));
  process.stdout.write(plaintext);
}
