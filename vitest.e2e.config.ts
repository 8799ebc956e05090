import { defineConfig } from 'vitest/config'

/** Real processes, real engines, real clients. One file at a time: they share two cores with the engines. */
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})
