import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BUILT_HERE, type EngineImages, IMAGES, pinnedImage } from './images.ts'

const pin = { image: 'acme/engine:1.0', checkedOn: '2026-11-21', checkedIn: 'its registry' }

test('an image is named by its digest where that was checked, and by its tag where not', () => {
  const images: EngineImages = { cpu: pin, gpu: { ...pin, digest: 'sha256:0123' } }
  expect(pinnedImage(images, { gpus: 0 })).toBe('acme/engine:1.0')
  expect(pinnedImage(images, { gpus: 1 })).toBe('acme/engine:1.0@sha256:0123')
  expect(pinnedImage({ cpu: undefined, gpu: undefined }, { gpus: 0 })).toBeUndefined()
})

test('every pinned image has a tag, a day and a place, and no digest that nobody compared', () => {
  const all = Object.values<EngineImages>(IMAGES).flatMap(({ cpu, gpu }) => [cpu, gpu])
  for (const one of all.filter((image) => image !== undefined)) {
    expect(one.image).toMatch(/:[^/:]+$|huggingface-pytorch-inference-[^/]+$/)
    expect(one.checkedOn).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    expect(one.digest === undefined).toBe(one.checkedIn.includes('not verified against a registry'))
  }
})

test('the image that images/build.sh makes has the version of this repository', () => {
  const root = new URL('../../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(root, 'utf8')) as { version: string }
  expect(BUILT_HERE.echo).toBe(`localhost/berth/echo:${version}`)
})
