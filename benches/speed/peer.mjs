// Runs face-api on Node, on one thread, on commands from standard input: see peer.py. The folder that SPEED_NODE names has
// its modules; TensorFlow.js runs as WebAssembly, since its native library does not come with the package.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const require = createRequire(join(process.env.SPEED_NODE, 'package.json'))
const tf = require('@tensorflow/tfjs')
const wasm = require('@tensorflow/tfjs-backend-wasm')
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js')
const sharp = require('sharp')

async function prepared() {
    const models = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'model')
    wasm.setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist/'))
    wasm.setThreadsCount(1)
    sharp.concurrency(1)
    await tf.setBackend('wasm')
    await faceapi.nets.ssdMobilenetv1.loadFromDisk(models)
    await faceapi.nets.faceLandmark68Net.loadFromDisk(models)
    await faceapi.nets.faceRecognitionNet.loadFromDisk(models)
}

/** Returns the template of the picture's largest face; undefined if there is none. */
async function template(file) {
    const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const image = tf.tensor3d(data, [info.height, info.width, 3], 'int32')
    const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5 })
    const found = await faceapi.detectSingleFace(image, options).withFaceLandmarks().withFaceDescriptor()
    image.dispose()
    return found?.descriptor
}

await prepared()
console.log(JSON.stringify(`face-api ${faceapi.version}`))
let file
for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    let answer = {}
    if (asked.picture) {
        file = readFileSync(asked.picture)
        await template(file)
    } else {
        answer = []
        for (let run = 0; run < asked.run; run++) {
            const begun = performance.now()
            await template(file)
            answer.push((performance.now() - begun) / 1000)
        }
    }
    console.log(JSON.stringify(answer))
}
