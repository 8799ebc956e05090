import { expect, test } from 'vitest'
import { withShortDigest } from './short-digest.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

test.for([
  [DIGEST, 'sha256:0123456789ab'],
  [`ghcr.io/acme/engine@${DIGEST}`, 'ghcr.io/acme/engine@sha256:0123456789ab'],
  ['acme/engine:1.0', 'acme/engine:1.0'],
])('%s is shown as %s', ([image = '', shown]) => {
  expect(withShortDigest(image)).toBe(shown)
})
