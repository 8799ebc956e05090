import { defineConfig } from 'vitest/config'

/** Everything that needs no extra server. End-to-end runs are in vitest.e2e.config.ts. */
export default defineConfig({
  test: {
    include: ['packages/*/{src,build,test}/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'packages/toolkit/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
