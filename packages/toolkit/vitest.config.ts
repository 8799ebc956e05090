import { defineConfig } from 'vitest/config'

/** Apart from the others, because it needs what `npm ci --prefix packages/toolkit` installs. */
export default defineConfig({
  test: { dir: import.meta.dirname, include: ['src/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
})
