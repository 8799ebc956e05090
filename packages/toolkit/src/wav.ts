/**
 * Sound as the speech models take it: one channel of numbers from -1 to 1, at their sampling rate.
 *
 * Reads RIFF WAVE, uncompressed: 8, 16, 24 and 32 bit integers and 32 bit floats, any number of channels.
 * Format: Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", WAVE chapter.
 */
import { ApiError } from './api-error.ts'

type Format = {
  readonly code: number
  readonly channels: number
  readonly rate: number
  readonly bits: number
}

const INTEGERS = 1
const FLOATS = 3
/** The real code is in the first two bytes of an identifier further on. */
const EXTENSIBLE = 0xff_fe

/** @throws ApiError `UnsupportedMedia` for anything that is no such sound. */
export function readWav(bytes: Buffer, targetRate: number): Float32Array {
  if (
    bytes.length < 12 ||
    bytes.toString('latin1', 0, 4) !== 'RIFF' ||
    bytes.toString('latin1', 8, 12) !== 'WAVE'
  )
    throw unsupported('it is no WAVE file')
  let format: Format | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4)
    const size = bytes.readUInt32LE(at + 4)
    const chunk = bytes.subarray(at + 8, at + 8 + size)
    if (name === 'fmt ' && chunk.length >= 16) format = readFormat(chunk)
    if (name === 'data') {
      if (!format) throw unsupported('its data come before their format')
      return resampled(samplesOf(chunk, format), format.rate, targetRate)
    }
    // Chunks begin at even places.
    at += 8 + size + (size % 2)
  }
  throw unsupported('it has no data')
}

function readFormat(chunk: Buffer): Format {
  const code = chunk.readUInt16LE(0)
  return {
    code: code === EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : code,
    channels: chunk.readUInt16LE(2),
    rate: chunk.readUInt32LE(4),
    bits: chunk.readUInt16LE(14),
  }
}

function samplesOf(data: Buffer, { code, channels, rate, bits }: Format): Float32Array {
  const read = readerOf(code, bits)
  if (!read || channels === 0 || rate === 0) throw unsupported(`its format is ${code} with ${bits} bits`)
  const bytes = bits / 8
  const samples = new Float32Array(Math.floor(data.length / bytes / channels))
  for (let i = 0; i < samples.length; i++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += read(data, (i * channels + channel) * bytes)
    samples[i] = sum / channels
  }
  return samples
}

function readerOf(code: number, bits: number): ((data: Buffer, at: number) => number) | undefined {
  if (code === FLOATS && bits === 32) return (data, at) => data.readFloatLE(at)
  if (code !== INTEGERS) return undefined
  switch (bits) {
    case 8:
      return (data, at) => (data.readUInt8(at) - 128) / 128
    case 16:
    case 24:
    case 32:
      return (data, at) => data.readIntLE(at, bits / 8) / 2 ** (bits - 1)
    default:
      return undefined
  }
}

/** Linear between neighbours, which is enough for speech. */
export function resampled(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to || samples.length === 0) return samples
  const result = new Float32Array(Math.max(1, Math.round((samples.length * to) / from)))
  for (let i = 0; i < result.length; i++) {
    const at = Math.min((i * from) / to, samples.length - 1)
    const before = Math.floor(at)
    const after = Math.min(before + 1, samples.length - 1)
    result[i] = samples[before]! + (samples[after]! - samples[before]!) * (at - before)
  }
  return result
}

function unsupported(why: string): ApiError {
  return new ApiError(
    'UnsupportedMedia',
    `the sound cannot be read: ${why}. Send WAVE with uncompressed samples, as "ffmpeg -i sound.mp3 -ar 16000 sound.wav" makes it`,
  )
}
