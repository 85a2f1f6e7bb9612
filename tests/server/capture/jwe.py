"""Encrypts and decrypts with jwcrypto. Arguments: `seal ALG CERTIFICATE` or `open ALG KEY`, both in PEM.

Reads the input from standard input, and writes the result to standard output.
"""

import json
import sys

from jwcrypto import jwe
from jwcrypto import jwk


def key(path):
    with open(path, "rb") as file:
        return jwk.JWK.from_pem(file.read())


def seal(algorithm, certificate):
    header = {"alg": algorithm, "enc": "A256GCM"}
    # The names of both parties go into the key agreement.
    if algorithm == "ECDH-ES":
        header |= {"apu": "QWxpY2U", "apv": "Qm9i"}
    token = jwe.JWE(sys.stdin.buffer.read(), protected=json.dumps(header), recipient=key(certificate))
    return token.serialize(compact=True).encode()


def unseal(path):
    token = jwe.JWE()
    token.deserialize(sys.stdin.read(), key=key(path))
    return token.payload


command, algorithm, path = sys.argv[1:]
sys.stdout.buffer.write(seal(algorithm, path) if command == "seal" else unseal(path))
